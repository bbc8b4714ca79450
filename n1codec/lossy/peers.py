"""Other people's lossy codecs beside the bases: points of rate and distortion, measured by their real bytes.

JPEG-LS (Weinberger, Seroussi, Sapiro 2000), SZ3 (Liang et al. 2023), SPERR (Li, Lindstrom, Clyne 2023) and ZFP
(Lindstrom 2014) through imagecodecs, WavPack's hybrid mode through wavpack-numcodecs, Opus (RFC 6716) through PyAV.
Each gets a channel's codes around 0 in the form that was best for it on N1 recordings, and what it gives back is
rounded to whole steps of the converter before it is compared. ``round`` before lossless codecs of ours stands beside
them, with whole .n1c files.
"""

from __future__ import annotations

import csv
import threading
import zlib
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from time import process_time
from typing import Any, Literal, NamedTuple

import numpy as np

from n1codec.lossy import bound
from n1codec.lossy.bases import SAMPLE_BITS, Signal, logged
from n1codec.lossy.curves import Points

PATIENCE = 120.0
"""Seconds after which a point is given up."""
_HALF = 0.499
"""What a bound may be wider than E if what comes back is rounded to whole steps."""
_ROW = 64
"""Samples of a row of what SPERR takes for an image; of a fixed rate longer rows are better."""
_LONG_ROW = 512
_OPUS_RATE = 48_000
_SIDE = 4
"""Bytes for the middle (and, where samples are scaled, the factor), of which the codecs know nothing."""


class Peer(NamedTuple):
    """A codec at some settings."""

    parameter: str
    settings: tuple[float, ...]
    run: Callable[[np.ndarray, float, float], tuple[bytes, Callable[[], np.ndarray]]]
    """Codes of shape (frames,), frames a second and a setting to bytes, and to what decodes them."""
    needs: str = ""
    """A module that is not always there."""
    extra: str = ""
    bounded: bool = False
    """Whether a setting is the largest error of any sample, in steps of the converter."""


class Point(NamedTuple):
    """What a codec made of one signal."""

    bits: float
    """A sample."""
    snr_db: float
    spike_db: float
    """NaN where the recording has too few frames a second."""
    largest: float
    """The greatest error of any sample, in steps of the converter."""
    encode_seconds: float
    """Of the processor, as ``decode_seconds``."""
    decode_seconds: float


def _jpegls(codes: np.ndarray, rate: float, near: float) -> tuple[bytes, Callable[[], np.ndarray]]:
    import imagecodecs

    low = codes.min()
    data = bytes(imagecodecs.jpegls_encode((codes - low).astype(np.uint16)[None], level=int(near)))
    return data, lambda: imagecodecs.jpegls_decode(data).astype(np.float64) + low


def _sz3(codes: np.ndarray, rate: float, error: float) -> tuple[bytes, Callable[[], np.ndarray]]:
    import imagecodecs

    middle = round(codes.mean())
    x = (codes - middle).astype(np.float32)
    data = bytes(imagecodecs.sz3_encode(x, mode="abs", abs=error + _HALF))
    return data, lambda: imagecodecs.sz3_decode(data, shape=x.shape, dtype=x.dtype) + middle


def _sperr(
    codes: np.ndarray, rate: float, level: float, mode: Literal["bpp", "pwe"], row: int, more: float
) -> tuple[bytes, Callable[[], np.ndarray]]:
    import imagecodecs

    middle = round(codes.mean())
    x = np.pad(codes - middle, (0, -codes.size % row), "edge").reshape(-1, row)
    data = bytes(imagecodecs.sperr_encode(x, level=level + more, mode=mode))
    return data, lambda: imagecodecs.sperr_decode(data, shape=x.shape, dtype=x.dtype) + middle


def _zfp(codes: np.ndarray, rate: float, tolerance: float) -> tuple[bytes, Callable[[], np.ndarray]]:
    import imagecodecs

    middle = round(codes.mean())
    data = bytes(imagecodecs.zfp_encode((codes - middle).astype(np.float32), level=int(tolerance), mode="a"))
    return data, lambda: imagecodecs.zfp_decode(data).astype(np.float64) + middle


def _spread(codes: np.ndarray) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
    """Return codes spread over 16 bits, and the way back: audio codecs' noise is small beside their steps then."""
    middle = round(codes.mean())
    factor = 32_000 / max(abs(codes - middle).max(), 1)
    return np.rint((codes - middle) * factor).astype(np.int16), lambda x: x / factor + middle


def _wavpack(codes: np.ndarray, rate: float, bps: float) -> tuple[bytes, Callable[[], np.ndarray]]:
    from wavpack_numcodecs.wavpack import compress, decompress

    x, back = _spread(codes)
    room = np.zeros(2 * x.nbytes + 4096, np.uint8)  # what is written may be as long as this and no longer
    room[: x.nbytes] = x.view(np.uint8)
    data = compress(room, 3, x.size, 1, bps, 1, 0, 0.0, 1)

    def decoded() -> np.ndarray:
        y = np.zeros_like(x)
        decompress(data, y.view(np.uint8), 1)
        return back(y)

    return data, decoded


def _opus(codes: np.ndarray, rate: float, kbit: float) -> tuple[bytes, Callable[[], np.ndarray]]:
    import av

    x, back = _spread(codes)
    encoder = av.CodecContext.create("libopus", "w")
    encoder.sample_rate, encoder.layout, encoder.format = _OPUS_RATE, "mono", "s16"
    encoder.bit_rate = int(kbit * 1000)
    encoder.open()
    late = int.from_bytes(bytes(encoder.extradata or b"")[10:12], "little")
    size = encoder.frame_size
    padded = np.pad(x, (0, late + -(x.size + late) % size))
    packets = []
    for at in range(0, padded.size, size):
        frame = av.AudioFrame.from_ndarray(padded[None, at : at + size], format="s16", layout="mono")
        frame.sample_rate, frame.pts = _OPUS_RATE, at
        packets += [bytes(packet) for packet in encoder.encode(frame)]
    packets += [bytes(packet) for packet in encoder.encode(None)]

    def decoded() -> np.ndarray:
        decoder = av.CodecContext.create("libopus", "r")
        decoder.sample_rate, decoder.layout = _OPUS_RATE, "mono"
        frames = [frame for packet in packets for frame in decoder.decode(av.Packet(packet))]
        y = np.concatenate([frame.to_ndarray().ravel() for frame in frames])
        return back(y[late : late + x.size].astype(np.float64))

    return b"".join(packets), decoded


def _own(codes: np.ndarray, rate: float, error: float, coder: str) -> tuple[bytes, Callable[[], np.ndarray]]:
    from n1codec import decode, encode

    low = codes.min()
    data = encode(
        (codes - low).astype(np.uint16 if np.ptp(codes) < 1 << 16 else np.uint32),
        f"round:error={error:g}|{coder}",
        rate=rate,
    )
    return data, lambda: decode(data).astype(np.float64) + low


_ERRORS = (1.0, 2.0, 4.0, 8.0, 16.0)
PEERS: dict[str, Peer] = {
    **{f"round|{name}": Peer("error", _ERRORS, partial(_own, coder=name), bounded=True) for name in ("n1", "n1_multi")},
    "jpegls": Peer("near", _ERRORS, _jpegls, "imagecodecs", "lossy", True),
    "sz3": Peer("error", (*_ERRORS, 32.0), _sz3, "imagecodecs", "lossy", True),
    "sperr": Peer("error", _ERRORS, partial(_sperr, mode="pwe", row=_ROW, more=_HALF), "imagecodecs", "lossy", True),
    "sperr_bpp": Peer("bpp", (0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0), partial(_sperr, mode="bpp", row=_LONG_ROW, more=0.0),
                      "imagecodecs", "lossy"),
    "zfp": Peer("tolerance", (4.0, 8.0, 16.0, 32.0, 64.0), _zfp, "imagecodecs", "lossy"),
    "wavpack": Peer("bps", (2.25, 2.5, 2.75, 3.0, 3.25, 3.5, 4.0, 4.5, 5.0, 6.0), _wavpack, "wavpack_numcodecs",
                    "wavpack"),
    "opus": Peer("kbit", (8.0, 16.0, 32.0, 64.0, 96.0, 128.0, 160.0), _opus, "av", "audio"),
}  # fmt: skip
"""Every codec by its name; what the settings of Opus are is for samples that are played at 48 kHz."""


class Lost(Exception):
    """A point that there is none of, and why."""


def missing(names: Iterable[str]) -> dict[str, list[str]]:
    """Return the peers among names whose library is not there, by the extra that brings it."""
    found: dict[str, list[str]] = {}
    for name in names:
        if PEERS[name].needs and find_spec(PEERS[name].needs) is None:
            found.setdefault(PEERS[name].extra, []).append(name)
    return found


def measure(name: str, setting: float, signal: Signal, points: Points | None = None) -> Point:
    """Return what a peer makes of a signal.

    Raises:
        Lost: an error is larger than was promised, or what comes back is no signal of this length.
    """
    peer, codes = PEERS[name], signal.codes
    begun = process_time()
    data, decoded = peer.run(codes, signal.rate, setting)
    encoded = process_time()
    back = np.rint(decoded().ravel()[: codes.size])
    done = process_time()
    if back.shape != codes.shape:
        raise Lost(f"{back.size} samples came back of {codes.size}")
    largest = float(abs(back - codes).max())
    if peer.bounded and largest > setting:
        raise Lost(f"a sample is off by {largest:g}, where {setting:g} was promised")
    points = points or Points(codes, signal.rate)
    bits, snr, spike = points.add(8 * (len(data) + _SIDE), back)
    return Point(bits, snr, spike, largest, encoded - begun, done - encoded)


class Worker:
    """A process of its own that measures one peer: what kills it costs one point."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._process: Any = None
        self._pipe: Any = None
        self._knows: Signal | None = None

    def measure(self, setting: float, signal: Signal) -> Point:
        """Return a point.

        Raises:
            Lost: the codec failed, hung, or killed the process.
        """
        if self._process is None:
            context = get_context("spawn")
            self._pipe, theirs = context.Pipe()
            self._process = context.Process(target=_serve, args=(theirs, self._name), daemon=True)
            self._process.start()
            theirs.close()
            self._knows = None
        try:
            self._pipe.send((setting, None if self._knows is signal else signal))
            self._knows = signal
            if not self._pipe.poll(PATIENCE):
                raise Lost(f"it took more than {PATIENCE:g} seconds")
            answer = self._pipe.recv()
        except (EOFError, OSError):
            self._process.join()
            code = self._process.exitcode
            self.close()
            raise Lost(f"its process died ({f'signal {-code}' if code < 0 else f'exit code {code}'})") from None
        except Lost:
            self.close()
            raise
        if isinstance(answer, str):
            raise Lost(answer)
        return Point(*answer)

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._pipe.close()
            self._process = None


def _serve(pipe: Any, name: str) -> None:
    signal, points = None, None
    while True:
        try:
            setting, new = pipe.recv()
        except EOFError:
            return
        if new is not None:
            signal, points = new, Points(new.codes, new.rate)
        assert signal is not None
        try:
            pipe.send(tuple(measure(name, setting, signal, points)))
        except Exception as error:
            pipe.send(f"{error or type(error).__name__}".splitlines()[0])


Found = dict[tuple[str, float], dict[int, Point]]
"""By peer and setting, then by number of the signal."""


def run(
    signals: Sequence[Signal],
    names: Sequence[str],
    jobs: int,
    advance: Callable[..., Any] = lambda text="": None,
    log: Path | None = None,
    lost: Callable[[str], Any] = lambda text: None,
) -> Found:
    """Measure every signal with every peer at every setting.

    Args:
        jobs: how many peers are at work at the same time.
        log: a file that each point is appended to, and that a run which was interrupted goes on from.
        lost: gets a line for each point that there is none of.
    """
    known = _read(log) if log and log.exists() else {}
    found: Found = {(name, setting): {} for name in names for setting in PEERS[name].settings}
    sums = [f"{zlib.crc32(signal.codes.tobytes()):08x}" for signal in signals]
    lock = threading.Lock()

    def one(name: str) -> None:
        worker = Worker(name)
        try:
            for number, signal in enumerate(signals):
                for setting in PEERS[name].settings:
                    key = (name, f"{setting:g}", signal.name, sums[number])
                    point, why = known.get(key), ""
                    if point is None:
                        try:
                            point = worker.measure(setting, signal)
                        except Lost as error:
                            why = f"{label(name, setting)} of {signal.name}: {error}"
                    with lock:
                        if point is None:
                            lost(why)
                        else:
                            found[name, setting][number] = point
                            if log and key not in known:
                                _append(log, key, point)
                        advance(f"{name} {signal.name}")
        finally:
            worker.close()

    with ThreadPoolExecutor(jobs) as pool:
        list(pool.map(one, names))
    return {key: points for key, points in found.items() if points}


def label(name: str, setting: float) -> str:
    """Return how a peer at a setting is called, such as ``jpegls:near=2`` or ``round:error=1|n1``."""
    first, bar, rest = name.partition("|")
    return f"{first}:{PEERS[name].parameter}={setting:g}{bar}{rest}"


def steps(names: Sequence[str]) -> int:
    """Return how many points there are of a signal."""
    return sum(len(PEERS[name].settings) for name in names)


_COLUMNS = ("peer", "setting", "signal", "crc32", *Point._fields)


def _append(log: Path, key: tuple[str, ...], point: Point) -> None:
    new = not log.exists()
    with log.open("a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        if new:
            writer.writerow(_COLUMNS)
        writer.writerow([*key, *map(repr, map(float, point))])


def _read(log: Path) -> dict[tuple[str, ...], Point]:
    """Return what a log holds."""
    return {
        tuple(line[:4]): Point(*map(float, line[4:]))
        for line in logged(log)
        if len(line) == len(_COLUMNS) and line[0] in PEERS
    }


def table(signals: Sequence[Signal], found: Found) -> list[dict[str, Any]]:
    """Return one line per point: ratio of all bits together, means of decibels over the signals, the largest error.

    The bound of a point is the mean of the signals' bounds, each at the bits that it took itself. ``xrt`` are seconds
    of recording per second of the processor's time. Decibels are None where nothing was lost of one of the signals.
    """
    spectra = [bound.spectrum(signal.codes) for signal in signals]
    lines = []
    for (name, setting), points in found.items():
        numbers = sorted(points)
        chosen = [points[number] for number in numbers]
        frames = np.array([signals[number].codes.size for number in numbers])
        bits = np.array([point.bits for point in chosen])
        lossy = all(point.largest for point in chosen)
        mean = float(np.mean([point.snr_db for point in chosen]))
        to_peak = np.mean([10 * np.log10(signals[n].peak ** 2 / signals[n].codes.var()) for n in numbers])
        limit = float(np.mean([bound.snr_at(spectra[n], np.array([points[n].bits]))[0] for n in numbers]))
        heard = [point.spike_db for point in chosen if not np.isnan(point.spike_db)]
        per_sample = float((bits * frames).sum() / frames.sum())
        seconds = sum(signals[n].codes.size / signals[n].rate for n in numbers if signals[n].rate)
        lines.append({
            "basis": label(name, setting),
            "trained": False,
            "ratio": SAMPLE_BITS / per_sample,
            "bits_per_sample": per_sample,
            "snr_db": mean if lossy else None,
            "snr_spike_db": float(np.mean(heard)) if heard and lossy else None,
            "psnr_db": mean + float(to_peak) if lossy else None,
            "bound_db": limit,
            "gap_db": limit - mean if lossy else None,
            "files": len(numbers),
            "largest_error": max(point.largest for point in chosen),
            "encode_xrt": seconds / max(sum(point.encode_seconds for point in chosen), 1e-9),
            "decode_xrt": seconds / max(sum(point.decode_seconds for point in chosen), 1e-9),
        })  # fmt: skip
    return lines


def near_lossless(signals: Sequence[Signal], found: Found) -> list[dict[str, Any]]:
    """Return one line per error: ratios of the codecs that keep it, and of WavPack, which keeps none.

    ``wavpack_error`` is WavPack at the coarsest setting of each signal whose largest error is no larger.
    ``wavpack_snr`` is WavPack at the signal-to-noise ratio that rounding has, its bits interpolated for each signal
    between settings; of a signal that its coarsest setting codes better that one counts.
    """
    lines = []
    everyone = range(len(signals))
    frames = np.array([signal.codes.size for signal in signals])
    wavpack = [
        [points[number] for (name, _), points in found.items() if name == "wavpack" and number in points]
        for number in everyone
    ]

    def ratio(bits: Sequence[float]) -> float:
        return float(SAMPLE_BITS * frames.sum() / (np.array(bits) * frames).sum())

    for error in _ERRORS:
        kept = {
            name: found[name, error]
            for name, peer in PEERS.items()
            if peer.bounded and len(found.get((name, error), {})) == len(signals)
        }
        line = {name: ratio([points[number].bits for number in everyone]) for name, points in kept.items()}
        good = [[point.bits for point in own if point.largest <= error] for own in wavpack]
        if all(good):
            line["wavpack_error"] = ratio([min(bits) for bits in good])
        rounded = kept.get("round|n1_multi")
        if rounded and all(wavpack):
            line["wavpack_snr"] = ratio([_bits_at(wavpack[number], rounded[number].snr_db) for number in everyone])
        if line:
            lines.append({"error": error} | line)
    return lines


def _bits_at(points: Sequence[Point], snr: float) -> float:
    """Return the bits a sample at a signal-to-noise ratio, interpolated; at an end those of the last point."""
    own = sorted(points, key=lambda point: point.snr_db)
    return float(2 ** np.interp(snr, [point.snr_db for point in own], [np.log2(point.bits) for point in own]))


def columns(equal: Sequence[dict[str, Any]]) -> list[str]:
    """Return the names of the codecs in lines of :func:`near_lossless`."""
    return list(dict.fromkeys(name for line in equal for name in line if name != "error"))


def as_text(lines: Sequence[dict[str, Any]], equal: Sequence[dict[str, Any]]) -> list[str]:
    """Return tables of the points, and of the ratios at equal errors."""
    width = max((len(line["basis"]) for line in lines), default=0)
    told = [f"{'Peers:':<{width}}    ratio  SNR dB  300-6000  bound dB  largest error  encode xRT  decode xRT"]
    for line in lines:
        snr, spike = ("" if line[key] is None else f"{line[key]:.2f}" for key in ("snr_db", "snr_spike_db"))
        told.append(
            f"{line['basis']:<{width}}{line['ratio']:9.3f}{snr:>8}{spike:>10}{line['bound_db']:10.2f}"
            f"{line['largest_error']:15g}{line['encode_xrt']:12.0f}{line['decode_xrt']:12.0f}"
        )
    names = columns(equal)
    if equal:
        told += ["Ratios at equal largest errors (wavpack_snr: at the SNR of rounding):"]
        told += ["  ".join([f"{'error':>5}", *(f"{name:>{max(len(name), 7)}}" for name in names)])]
    for line in equal:
        cells = (f"{line[name]:.3f}" if name in line else "" for name in names)
        told += [
            "  ".join(
                [f"{line['error']:5g}", *(f"{cell:>{max(len(n), 7)}}" for n, cell in zip(names, cells, strict=True))]
            )
        ]
    return told
