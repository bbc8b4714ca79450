#!/usr/bin/env python3
"""Measure codecs in SpikeInterface's Zarr folders, and Dask's workers, on a recording: the tables of docs/ecosystem.md.

    make environments
    build/environments/zarr2/bin/python tools/bench_adapters.py RECORDING [--times 4] [--chunk 0.5s] [--repeats 3]

The recording (anything that n1codec reads, without its channels for synchronisation) is taken several times one after
the other. Times of the first table are CPU time of one process, the least of the repeats, and include all that
SpikeInterface does; those of the second are on the clock.
"""

from __future__ import annotations

import argparse
import os
import shutil
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import spikeinterface as si

import n1codec
from n1codec.adapters.numcodecs import N1Codec, N1Multi
from n1codec.spikeinterface import read_n1c


class Row(NamedTuple):
    name: str
    size: int
    save: float
    load: float
    second: float
    channel: float

    def line(self, samples: int) -> str:
        times = f"{self.save:.2f} | {self.load:.2f} | {1e3 * self.second:.0f} | {1e3 * self.channel:.0f}"
        return f"| {self.name} | {self.size / 1e6:.2f} | {samples / self.size:.3f} | {times} |"


def least(repeats: int, work: Callable[[], Any]) -> float:
    """Return the CPU time that some work takes, in seconds: the least of several times."""
    best = float("inf")
    for _ in range(repeats):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return best


def measured(
    name: str, path: Path, save: Callable[[], Any], load: Callable[[], Any], x: np.ndarray, repeats: int
) -> Row:
    """Save a recording, read it back in several ways, and compare every sample.

    Args:
        path: what ``save`` writes.
        load: opens it; the time of this is in each of the others, too.
        x: its samples, shape (frames, channels).
    """

    def afresh() -> None:
        shutil.rmtree(path, ignore_errors=True)
        path.unlink(missing_ok=True)
        save()

    saved = least(repeats, afresh)
    assert np.array_equal(load().get_traces(), x), name
    rate, middle = round(load().get_sampling_frequency()), len(x) // 2
    second = slice(middle - rate // 2, middle + rate - rate // 2)
    assert np.array_equal(load().get_traces(start_frame=second.start, end_frame=second.stop), x[second]), name
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return Row(
        name,
        sum(file.stat().st_size for file in files),
        saved,
        least(repeats, lambda: load().get_traces()),
        least(repeats, lambda: load().get_traces(start_frame=second.start, end_frame=second.stop)),
        least(repeats, lambda: (one := load()).get_traces(channel_ids=one.channel_ids[7:8])),
    )


def codecs() -> dict[str, Any]:
    """Return the compressors that are compared, by name."""
    found: dict[str, Any] = {"Blosc, zstd 5, bits shuffled (SpikeInterface's default)": None}
    try:
        from wavpack_numcodecs import WavPack

        found["WavPack, very high (wavpack-numcodecs, level 3)"] = WavPack(level=3)
    except ImportError:
        print("bench_adapters: without WavPack, which is not installed")
    found["FLAC 8 (`N1Codec('flac')`)"] = N1Codec("flac")
    found["`N1Multi(preset='fast')`"] = N1Multi(preset="fast")
    found["`N1Multi()`"] = N1Multi()
    return found


def tables(recording: Any, folder: Path, chunk: str, repeats: int) -> None:
    x = recording.get_traces()
    seconds = len(x) / recording.get_sampling_frequency()
    busy = f"{os.getloadavg()[0]:.1f} processes ran when it began" if hasattr(os, "getloadavg") else ""
    print(f"{seconds:g} s, {x.shape[1]} channels, {x.nbytes / 1e6:.2f} MB, chunks of {chunk}; {busy}")
    print("\n| codec | MB | ratio | save s | load s | 1 s of all channels ms | 1 channel of all frames ms |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name, codec in codecs().items():
        target = folder / "a.zarr"

        def save(target: Path = target, codec: Any = codec) -> None:
            chosen = {} if codec is None else {"compressor": codec}
            recording.save(format="zarr", folder=target, chunk_duration=chunk, n_jobs=1, progress_bar=False,
                           verbose=False, **chosen)  # fmt: skip

        print(
            measured(name, target, save, lambda target=target: si.load(target), x, repeats).line(x.nbytes), flush=True
        )
    for spec in ("n1_multi", "n1_multi:block=48"):
        target = folder / "a.n1c"

        def pack(target: Path = target, spec: str = spec) -> None:
            rate = recording.get_sampling_frequency()
            with n1codec.create(target, x.shape[1], "int16", rate, spec) as writer:
                writer.write(x)

        name = f"a .n1c file, `{spec}`, by `read_n1c`"
        print(
            measured(name, target, pack, lambda target=target: read_n1c(target), x, repeats).line(x.nbytes), flush=True
        )


def workers(recording: Any, folder: Path, repeats: int) -> None:
    """Print how long one and two workers of Dask take to write the recording into Zarr with our codec."""
    import dask.array as da
    from distributed import Client, LocalCluster

    n1codec.encode_file(recording, folder / "r.n1c", "copy")
    print("\n| workers | seconds |\n| ---: | ---: |")
    for count in (1, 2):
        with (
            LocalCluster(n_workers=count, threads_per_worker=1, dashboard_address=None) as cluster,
            Client(cluster),
        ):
            best = float("inf")
            for _ in range(repeats + 1):  # the first imports what is needed
                x = n1codec.open(folder / "r.n1c").to_dask()
                x = x.rechunk((max(1, x.shape[0] // 8), -1))
                start = time.perf_counter()
                da.to_zarr(x, str(folder / f"d{count}.zarr"), compressor=N1Multi(), overwrite=True)
                best = min(best, time.perf_counter() - start)
        print(f"| {count} | {best:.2f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recording", type=Path)
    parser.add_argument("--times", type=int, default=4, help="how often it is repeated (4)")
    parser.add_argument("--chunk", default="0.5s", help="how long a chunk is (0.5s)")
    parser.add_argument("--repeats", type=int, default=3, help="how often each thing is done (3)")
    given = parser.parse_args()
    warnings.simplefilter("ignore")  # of WavPack, which would like a newer library
    once = read_n1c(given.recording)
    x = np.tile(once.get_traces(), (given.times, 1))
    recording = si.NumpyRecording([x], once.get_sampling_frequency())
    with TemporaryDirectory(prefix="n1-adapters-") as folder:
        tables(recording, Path(folder), given.chunk, given.repeats)
        np.save(Path(folder) / "x.npy", x)
        workers(Path(folder) / "x.npy", Path(folder), given.repeats)


if __name__ == "__main__":
    main()
