"""Generated recordings whose spikes are known: neurons beside a probe, and noise.

Thirty-two electrodes in two columns, 20 micrometres apart, hear twenty neurons, none of which is closer than 20
micrometres to another: bodies of neurons are as wide. The loudest electrode of a neuron hears
a trough as deep as 3 to 12 times the standard deviation of the noise, evenly spread over the neurons; on others the
trough is exponentially lower with the distance, later and broader. Neurons fire at random, 2 milliseconds apart at
least. The noise has the same standard deviation on all electrodes, 5 steps of the converter: half of its power is white
and heard by one electrode alone, half is low-passed and shared by neighbours, as that of distant neurons is. There is
no local field potential.

Random numbers are taken raw from PCG64, so that one seed gives the same neurons and spikes with every NumPy.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from n1codec.datasets.synth import Random
from n1codec.datasets.truth import Truth

CHANNELS, UNITS, RATE, SECONDS = 32, 20, 30_000.0, 60.0
NOISE = 5.0
"""Standard deviation of the noise, in steps of the converter."""
LOUDNESS = (3.0, 12.0)
"""Depth of the troughs of the quietest and of the loudest neuron, in standard deviations of the noise."""
PITCH = 20.0
"""Micrometres between electrodes, across and along the probe."""
_DEPTH = (5.0, 25.0)
"""Micrometres from the probe to the nearest and the farthest neurons."""
_DISTANCE = 20.0
"""Micrometres between two neurons at least."""
_TRIES = 1000
"""Places that are looked at for all neurons, before all are placed anew."""
_APART = 0.002
"""Seconds between two spikes of a neuron at least."""
_BEFORE, _AFTER = 0.001, 0.002
"""Seconds of a spike's waveform around its trough."""
_PHASES = 8
"""Parts of a frame at which a spike may begin."""
_SPEED = 0.4
"""Metres a second, or micrometres a microsecond, at which a spike travels."""
_SMOOTH = 0.7
"""How much of itself the shared noise keeps from frame to frame."""
_REACH = 60.0
"""Micrometres over which shared noise falls to 1/e."""
_BLOCK = 1 << 16


class Generated(NamedTuple):
    """A recording, and what is in it."""

    samples: np.ndarray
    """int16 of shape (frames, CHANNELS)."""
    geometry: np.ndarray
    """Places of the electrodes in micrometres, across and along the probe, shape (CHANNELS, 2)."""
    truth: Truth


def generate(seed: int, seconds: float = SECONDS) -> Generated:
    """Return a recording at RATE frames a second."""
    frames = round(seconds * RATE)
    random = Random(seed, 0)
    geometry = PITCH * np.array([(number % 2, number // 2) for number in range(CHANNELS)], float)
    waves = _waveforms(random, geometry)
    signal = _noise(seed, geometry, frames)
    found: list[tuple[int, int]] = []
    for unit, phases in enumerate(waves):
        hertz = 2 + 10 * random.uniform(1)[0]
        times = _times(random, hertz, frames)
        sizes = NOISE * (1 + 0.08 * random.normal(len(times)))
        for time, size in zip(times, sizes, strict=True):
            phase = int(time * _PHASES) % _PHASES
            first = int(time) - round(_BEFORE * RATE)
            signal[first : first + phases.shape[1]] += np.float32(size) * phases[phase]
        found += [(round(time), unit) for time in times]
    found.sort()
    spikes = np.array(found, np.int64).reshape(-1, 2)
    loudest = {unit: -waves[unit, 0].min(axis=0) for unit in sorted(set(spikes[:, 1].tolist()))}
    truth = Truth(
        spikes[:, 0],
        spikes[:, 1],
        {unit: float(depth.max()) for unit, depth in loudest.items()},
        {unit: int(depth.argmax()) for unit, depth in loudest.items()},
    )
    return Generated(np.rint(signal, out=signal).astype(np.int16), geometry, truth)


def _waveforms(random: Random, geometry: np.ndarray) -> np.ndarray:
    """Return what electrodes hear of neurons, in standard deviations of the noise.

    Returns:
        float32 of shape (units, phases, frames, channels).
    """
    t = np.arange(-round(_BEFORE * RATE), round(_AFTER * RATE)) / RATE * 1000  # milliseconds
    at = t[None, :, None] - np.arange(_PHASES)[:, None, None] / _PHASES / RATE * 1000
    out = np.empty((UNITS, _PHASES, len(t), len(geometry)), np.float32)
    for unit, place in enumerate(_places(random, geometry.max(axis=0))):
        distance = np.hypot(np.hypot(*(geometry - place[:2]).T), place[2])
        depth, breadth, back, delay, length = random.uniform(5)
        reach = 18 + 12 * depth
        loud = np.exp((distance.min() - distance) / reach)
        late = at - (distance - distance.min()) / _SPEED / 1000
        width = (0.07 + 0.09 * breadth) * (1 + (distance - distance.min()) / 200)
        after = 0.35 + 0.5 * delay
        wave = (0.15 + 0.3 * back) * np.exp(-(((late - after) / (0.2 + 0.25 * length)) ** 2))
        wave -= np.exp(-((late / width) ** 2) / 2)
        snr = LOUDNESS[0] + (LOUDNESS[1] - LOUDNESS[0]) * unit / (UNITS - 1)
        out[unit] = wave * loud * (snr / -(wave * loud)[0].min())
    return out


def _places(random: Random, spread: np.ndarray) -> np.ndarray:
    """Return where neurons are, in micrometres across the probe, along it and away from it.

    Args:
        spread: the size of the probe, across and along it.

    Returns:
        float64 of shape (UNITS, 3).
    """
    near, far = _DEPTH
    while True:
        places = np.empty((0, 3))
        for place in random.uniform(3 * _TRIES).reshape(_TRIES, 3) * (*spread, far - near) + (0, 0, near):
            if len(places) < UNITS and (np.linalg.norm(places - place, axis=1) >= _DISTANCE).all():
                places = np.vstack([places, place])
        if len(places) == UNITS:
            return places


def _times(random: Random, hertz: float, frames: int) -> np.ndarray:
    """Return when a neuron fires, in frames with fractions, rising, far enough from either end."""
    count = round(2 * hertz * frames / RATE) + 20
    pauses = _APART - np.log(random.uniform(count)) / hertz
    times = np.cumsum(pauses) * RATE
    room = (_BEFORE + _AFTER) * RATE
    return times[(times > room) & (times < frames - room)]


def _noise(seed: int, geometry: np.ndarray, frames: int) -> np.ndarray:
    """Return the noise of all electrodes in steps of the converter, float32 of shape (frames, channels)."""
    from scipy.signal import lfilter

    apart = np.hypot(*(geometry[:, None] - geometry[None]).transpose(2, 0, 1))
    mixing = np.linalg.cholesky(np.exp(-apart / _REACH)).T * np.sqrt((1 - _SMOOTH**2) / 2)
    out = np.empty((frames, len(geometry)), np.float32)
    shared, own = ([Random(seed, kind * 1000 + channel) for channel in range(len(geometry))] for kind in (1, 2))
    state = np.zeros((1, len(geometry)))
    for start in range(0, frames, _BLOCK):
        size = min(_BLOCK, frames - start)
        drawn = np.stack([random.normal(size) for random in shared], axis=1)
        slow, state = lfilter([1.0], [1.0, -_SMOOTH], drawn @ mixing, axis=0, zi=state)
        white = np.stack([random.normal(size) for random in own], axis=1)
        out[start : start + size] = NOISE * (slow + np.sqrt(0.5) * white)
    return out
