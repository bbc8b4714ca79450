"""Packets of events: what is found, what comes back, what a loss costs, and the budget."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import events_reference
import numpy as np
import pytest
from conftest import ROOT
from scipy.signal import lfilter

from n1codec.codec import CodecError, FormatError, SpecError
from n1codec.recordings import wav
from n1codec.spikes import detect, events
from n1codec.stream.events import Arrival, EventDecoder, EventEncoder, layer_bytes

Run = Callable[..., subprocess.CompletedProcess[str]]
RATE, SIZE, CHANNELS = 20_000.0, 20, 6
GOLDEN = ROOT / "tests" / "golden" / "events.packets"


def recording(seconds: float, channels: int = CHANNELS, seed: int = 0, every: int = 2000) -> np.ndarray:
    """Noise and slow waves with spikes, int16 of shape (frames, channels)."""
    random = np.random.default_rng(seed)
    frames = round(seconds * RATE)
    x = np.rint(random.normal(0, 40, (frames, channels))) + 1000
    t = np.arange(frames)[:, None]
    x += np.rint(300 * np.sin(2 * np.pi * t * np.arange(2, 2 + channels) / RATE))
    shape = np.array([-100, -300, -600, -500, -200, 50, 150, 150, 120, 90, 60, 40, 20, 10])
    for channel in range(channels):
        for at in range(500 + 137 * channel, frames - 100, every):
            x[at : at + len(shape), channel] += shape
    return x.astype(np.int16)


def packets(x: np.ndarray, **settings: object) -> list[bytes]:
    encoder = EventEncoder(x.shape[1], RATE, SIZE, **settings)
    return [encoder.push(x[at : at + SIZE]) for at in range(0, len(x) - SIZE + 1, SIZE)]


def arrivals(sent: list[bytes], channels: int = CHANNELS, **settings: object) -> list[Arrival]:
    decoder = EventDecoder(channels, RATE, SIZE, **settings)
    return [decoder.push(packet) for packet in sent]


# -- detection: a slow reference -------------------------------------------------------------------------------------


def found_slowly(x: np.ndarray, hold: int, apart: int, shift: int = 4) -> list[tuple[int, int]]:
    """Return (frame, channel) of the spikes that the kernel finds, from docs/events.md, in plain Python."""
    spikes = []
    for channel in range(x.shape[1]):
        first, second, before, older, median = int(x[0, channel]) << 8, 0, 0, 0, 16 << 12
        best, age, rest, passed = 0, -1, 0, []
        for packet in range(len(x) // SIZE):
            adapt = 8 if packet < 100 else 11 if packet < 800 else 14
            for v in x[packet * SIZE : (packet + 1) * SIZE, channel].tolist():
                high = (v << 8) - first
                first += high >> shift
                higher = high - second
                second += higher >> shift
                y = max(-32768, min(32767, (older + 2 * before + higher) >> 10))
                older, before = before, higher
                step = (median >> adapt) + 1
                median += step if abs(y) << 12 > median else -step
                passed.append(y)
            threshold = (median * 493 >> 18) + 1
            for t in range(packet * SIZE, (packet + 1) * SIZE) if packet >= 64 else ():
                y = passed[t]
                if rest > 0:
                    rest -= 1
                elif age >= 0:
                    if y < best:
                        best, age = y, 0
                    else:
                        age += 1
                        if age == hold:
                            spikes.append((t - hold, channel))
                            age, rest = -1, max(apart - hold, 0)
                elif y < -threshold:
                    best, age = y, 0
    return sorted(spikes)


def test_the_kernel_finds_what_plain_python_finds() -> None:
    x = recording(1.0, 3)
    encoder, found = EventEncoder(3, RATE, SIZE, layers=()), []
    for at in range(0, len(x), SIZE):
        encoder.push(x[at : at + SIZE])
        found += [(at + int(frame), int(channel)) for frame, channel in encoder.found()]
    assert found == found_slowly(x, encoder.hold, 20)
    assert len(found) > 20


# -- what comes back -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("apart", [2000, 1999])  # troughs at some places of a packet, and at all
def test_spikes_come_back_with_their_waveforms(apart: int) -> None:
    x = recording(4.0, every=apart)
    sent = packets(x)
    came = arrivals(sent)
    every = np.concatenate([a.events for a in came])
    truth = {(at + 2, c) for c in range(CHANNELS) for at in range(500 + 137 * c, len(x) - 100, apart) if at > 1400}
    near = {(t + d, c) for t, c in truth for d in range(-2, 4)}
    assert len(truth) <= len(every) <= len(truth) + 4
    assert sum((int(t), int(c)) in near for t, c in every) >= len(truth)
    owners = np.concatenate([a.of for a in came])
    waveforms = np.concatenate([a.waveforms for a in came])
    assert (owners >= 0).all()
    assert {tuple(o) for o in owners.tolist()} <= {tuple(e) for e in every.tolist()}
    assert len(owners) >= len(every) - 1
    assert (np.abs(waveforms.argmin(axis=1) - 8) <= 1).mean() > 0.95


def test_bins_count_spikes_and_tell_how_strong_the_band_was() -> None:
    x = recording(3.0)
    x[40_000:, 2] = 1000 + 2 * (x[40_000:, 2] - 1000)  # 6 dB louder
    came = arrivals(packets(x, layers=(0, 1)))
    bins = [(a.number, *row) for a in came for row in zip(*(v.tolist() for v in a.bins), strict=True)]
    counted = np.zeros(CHANNELS, int)
    for _, channel, count, _ in bins:
        counted[channel] += count
    sent = np.bincount(np.concatenate([a.events[:, 1] for a in came]), minlength=CHANNELS)
    assert (counted <= sent).all()
    assert (counted >= sent - 1).all()  # of the last bin
    late = [level for number, channel, _, level in bins if channel == 2 and number > 2100 and level >= 0]
    soft = [level for number, channel, _, level in bins if channel == 2 and 1300 < number < 1950 and level >= 0]
    assert np.mean(late) - np.mean(soft) == pytest.approx(4, abs=0.5)  # quarters of an octave
    assert {number % 20 for number, channel, _, _ in bins if channel == 3} == {3}


def test_levels_are_told_from_the_first_bin_on() -> None:
    x = recording(0.5, 40, every=10**9)
    sent = packets(x, layers=(0,))
    told = np.concatenate([a.bins.levels for a in arrivals(sent, 40)])
    assert (told > 0).all()
    sizes = [len(packet) for packet in sent]
    assert max(sizes[20:40]) < 20  # two channels a packet, and a key for each at most


def test_bits_of_the_field_go_where_decibels_are() -> None:
    """Waves whose strength comes and goes, as that of fields does: steps follow the channel, not each of its blocks."""
    random = np.random.default_rng(0)
    waves = lfilter([1], [1, -0.998], random.normal(0, 6, (60_000, 32)), axis=0)
    strength = np.exp(0.8 * np.sin(np.arange(60_000)[:, None] / 1300 + np.arange(32)))
    x = np.rint(waves * strength + random.normal(0, 8, waves.shape)).astype(np.int16)
    sent = events.stream(list(x.T), 32, RATE, 65_000, 3.0, layers=(3,))
    assert sent.field_db > 10  # 11.2; steps that follow the largest of each block have 5.8


def test_the_field_comes_back() -> None:
    x = recording(3.0, every=10**9)
    back = np.full((CHANNELS, len(x) // SIZE), np.nan)
    for a in arrivals(packets(x, budget=10_000_000)):
        for channel, block in a.field.items():
            if a.number >= 63:
                back[channel, a.number - 63 : a.number + 1] = block
    for channel in range(CHANNELS):
        wanted = 300 * np.sin(2 * np.pi * (np.arange(len(x) // SIZE) * SIZE + 9.5) * (2 + channel) / RATE)
        heard = ~np.isnan(back[channel])
        heard[:700] = False
        assert np.corrcoef(wanted[heard], back[channel][heard])[0, 1] > 0.95


def test_samples_of_chosen_channels_come_back_bit_for_bit() -> None:
    from conftest import signal

    x = signal(4000, CHANNELS)
    sent = packets(x, samples_of=(1, 4), budget=2_000_000)
    decoder = EventDecoder(CHANNELS, RATE, SIZE, samples_of=(1, 4))
    assert decoder.samples
    for number, packet in enumerate(sent):
        frames = decoder.samples.push(decoder.push(packet).samples).frames
        assert np.array_equal(frames, x[number * SIZE : (number + 1) * SIZE, [1, 4]])


@pytest.mark.parametrize("layer", range(4))
def test_every_layer_decodes_alone(layer: int) -> None:
    x = recording(1.0)
    alone, whole = arrivals(packets(x, layers=(layer,))), arrivals(packets(x))
    for one, all_of_it in zip(alone, whole, strict=True):
        assert (one.events.size > 0) <= (layer == 1)
        assert (one.bins.channels.size > 0) <= (layer == 0)
        assert bool(one.field) <= (layer == 3)
        if layer == 1:
            assert np.array_equal(one.events, all_of_it.events)
        if layer == 0:
            assert all(np.array_equal(a, b) for a, b in zip(one.bins, all_of_it.bins, strict=True))


def test_counts_alone() -> None:
    x = recording(1.0)
    alone, both = arrivals(packets(x, layers=(0,), levels=False), levels=False), arrivals(packets(x, layers=(0,)))
    for few, many in zip(alone, both, strict=True):
        assert np.array_equal(few.bins.counts, many.bins.counts)
        assert (few.bins.levels == -1).all()
    assert sum(map(len, packets(x, layers=(0,), levels=False))) < sum(map(len, packets(x, layers=(0,))))


# -- losses ----------------------------------------------------------------------------------------------------------


def test_a_lost_packet_costs_its_own_events_alone() -> None:
    sent = packets(recording(2.0, every=600))
    whole = arrivals(sent)
    lost = {400, 401, 777, 1100}
    part = iter(arrivals([packet for number, packet in enumerate(sent) if number not in lost]))
    for number, before in enumerate(whole):
        if number in lost:
            continue
        after = next(part)
        assert after.number == number
        assert after.lost == {402: 2, 778: 1, 1101: 1}.get(number, 0)
        assert np.array_equal(after.events, before.events)
        assert np.array_equal(after.waveforms, before.waveforms)
        known = after.of[:, 0] >= 0
        assert np.array_equal(after.of[known], before.of[known])
        assert known.all() or number - 1 in lost
        assert np.array_equal(after.bins.counts, before.bins.counts)
        told = after.bins.levels >= 0
        assert np.array_equal(after.bins.levels[told], before.bins.levels[told])
        assert after.field.keys() == before.field.keys()


def test_levels_are_told_again_after_a_key() -> None:
    sent = packets(recording(4.0, every=10**9), layers=(0,))
    late = arrivals(sent[700:])
    channels = {a.number: a.bins for a in late}
    first = [channels[n].levels[0] for n in sorted(channels) if channels[n].channels.size]
    assert first[0] == -1
    whole = {a.number: a.bins for a in arrivals(sent)}
    for number, bins in channels.items():
        if number > 700 + 64 * 20:
            assert np.array_equal(bins.levels, whole[number].levels)


def test_damaged_and_late_packets_change_nothing() -> None:
    sent = packets(recording(0.3))
    decoder, other = EventDecoder(CHANNELS, RATE, SIZE), EventDecoder(CHANNELS, RATE, SIZE)
    random = np.random.default_rng(0)
    for number, packet in enumerate(sent):
        bad = bytearray(packet)
        bad[random.integers(len(bad))] ^= 1 << random.integers(8)
        for wrong in (bytes(bad), packet[:-1], packet + b"\0", b"", *sent[max(0, number - 2) : number]):
            with pytest.raises(FormatError, match="dropped"):
                decoder.push(wrong)
        one, two = decoder.push(packet), other.push(packet)
        assert np.array_equal(one.bins.levels, two.bins.levels)
        assert np.array_equal(one.events, two.events)


# -- budget ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("budget", [64_000, 120_000, 300_000])
def test_no_second_has_more_than_the_budget(budget: int) -> None:
    x = recording(3.0, 48, every=400)
    bits = np.array([8 * len(packet) for packet in packets(x, budget=budget)])
    seconds = np.convolve(bits, np.ones(round(RATE / SIZE)), "valid")
    assert seconds.max() <= budget
    assert seconds[1000:].mean() > 0.8 * budget or budget == 300_000


def test_layers_have_their_order_where_bits_run_out() -> None:
    x = recording(2.0, 48, every=400)
    for packet in packets(x, budget=70_000):
        sizes = layer_bytes(packet)
        assert sum(sizes.values()) == len(packet)
    few = [len(a.field) for a in arrivals(packets(x, budget=70_000), 48)]
    many = [len(a.field) for a in arrivals(packets(x, budget=2_000_000), 48)]
    assert sum(few) < sum(many)


def test_a_channel_that_spikes_all_the_time_is_held_back() -> None:
    x = recording(3.0, every=50)
    encoder, found, sent = EventEncoder(CHANNELS, RATE, SIZE), 0, 0
    decoder = EventDecoder(CHANNELS, RATE, SIZE)
    for at in range(0, len(x), SIZE):
        sent += len(decoder.push(encoder.push(x[at : at + SIZE])).events)
        found += len(encoder.found())
    assert found > 3 * sent
    assert sent <= CHANNELS * (16 + 40 * 3 + 1)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"channels": 0}, "not allowed"),
        ({"channels": 5000}, "not allowed"),
        ({"frames_per_packet": 4}, "not allowed"),
        ({"rate": 10.0}, "not allowed"),
        ({"budget": 1000}, "less than empty packets take"),
        ({"bin_seconds": 1.0}, "not allowed"),
    ],
)
def test_settings_are_checked(settings: dict[str, object], said: str) -> None:
    given = {"channels": CHANNELS, "rate": RATE, "frames_per_packet": SIZE} | settings
    with pytest.raises(SpecError, match=said):
        EventEncoder(**given)  # type: ignore[arg-type]


def test_other_samples_are_refused() -> None:
    encoder = EventEncoder(CHANNELS, RATE, SIZE)
    for wrong in (np.zeros((SIZE, CHANNELS)), np.zeros((SIZE, 1), np.int16)):
        with pytest.raises(ValueError, match="a packet takes int16"):
            encoder.push(wrong)


# -- golden ----------------------------------------------------------------------------------------------------------


def golden_samples() -> np.ndarray:
    """Samples of integers alone, the same with every NumPy: a congruential generator and spikes."""
    state, values = 1, []
    for _ in range(300 * SIZE * 4):
        state = (1103515245 * state + 12345) % (1 << 31)
        values.append((state >> 16) % 101 - 50)
    x = np.array(values, np.int16).reshape(-1, 4)
    x += (np.arange(len(x))[:, None] // 7 % 64).astype(np.int16)
    shape = np.array([-100, -300, -600, -500, -200, 50, 150, 150, 120, 90], np.int16)
    for at in range(2000, len(x) - 50, 331):
        x[at : at + 10, at % 4] += shape
    return x


def write_missing() -> None:
    if not GOLDEN.exists():
        GOLDEN.write_bytes(
            b"".join(len(p).to_bytes(2, "little") + p for p in packets(golden_samples(), budget=200_000))
        )


@pytest.mark.parametrize(("budget", "levels"), [(None, True), (60_000, True), (200_000, True), (200_000, False)])
def test_the_reference_writes_the_same_bytes(budget: int | None, levels: bool) -> None:
    x = recording(0.6, 5, every=300)
    sent = packets(x, budget=budget, levels=levels)
    encoder = EventEncoder(5, RATE, SIZE, budget=budget, levels=levels)
    slow = events_reference.Events(x[0].tolist(), SIZE, *encoder.settings)
    assert [slow.push(x[at : at + SIZE].tolist()) for at in range(0, len(x), SIZE)] == sent


def test_golden_packets() -> None:
    data, sent = GOLDEN.read_bytes(), []
    while data:
        size = int.from_bytes(data[:2], "little")
        sent.append(data[2 : 2 + size])
        data = data[2 + size :]
    assert sent == packets(golden_samples(), budget=200_000)
    digest = hashlib.sha256()
    for a in arrivals(sent, 4):
        for part in (*a.bins, a.events, a.waveforms, a.of, *a.field.values()):
            digest.update(np.ascontiguousarray(part).astype("<i8").tobytes())
    assert digest.hexdigest() == "a3c442edb6fa3c65805a027b87ec66d1b62c15e941628455f213d84205ac3571"


# -- the command -----------------------------------------------------------------------------------------------------


def test_planted_troughs_have_the_level_that_is_asked_for() -> None:
    x = np.random.default_rng(0).normal(0, 200, 60_000).astype(np.int16)
    planted = events.plant(x, RATE, 8.0, np.random.default_rng(0))
    before, after = detect.causal(x, RATE), detect.causal(planted.samples, RATE)
    assert before is not None
    assert after is not None
    added = after - before
    depth = np.array([-added[at - 5 : at + 10].min() for at in planted.frames]) / detect.noise_level(before)
    assert np.abs(depth - 8).max() < 0.5
    assert planted.frames.min() >= RATE
    with pytest.raises(CodecError, match="no recording is quiet enough"):
        events.quiet([x[:100]], RATE)


def test_the_command(run: Run, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for number in range(2):
        x = random.normal(0, 300, 60_000).astype(np.int16)
        (tmp_path / f"{number}.wav").write_bytes(wav.write(x, 20_000))
    options = ("--as-channels", 5, "--budget", "90k", "--seconds", 2)
    found = json.loads(run("n1codec", "events", tmp_path, *options, "--json").stdout)
    assert found["kbit_s_peak"] <= 90
    assert found["kbit_s"] == pytest.approx(sum(found["layers"].values()))
    assert found["hit_rate"]["8"] > 0.98
    assert found["false_alarms_per_s"] < 0.2
    assert 0.3 < found["flag_ms_p99"] <= 1 < found["codeword_ms_p99"] <= 2
    assert found["packet_ms"] == 1
    text = run("n1codec", "events", tmp_path, *options).stdout
    assert "in the largest second" in text
    assert run("n1codec", "events", tmp_path, "--budget", "1G").returncode == 2
    assert run("n1codec", "events", tmp_path, *options, "--lossless", "5").returncode == 2
