#!/usr/bin/env python3
"""Time ``n1codec results show`` on a store of a million rows, and the memory that it takes.

The store is made of the rows of a few codecs on a few hundred files, each codec in many versions: 2688 gzip members of
372 rows. The last version of each codec counts, as in a store that has been added to for years.

    tools/bench_store.py [MEMBERS] [ROWS]
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from n1codec.bench.results import store

CODECS = 24


def fill(path: Path, members: int, rows: int) -> None:
    """Write a store of ``members`` times ``rows`` rows."""
    writer = store.Store(path)
    for member in range(members):
        name, version = f"codec{member % CODECS}", f"{member // CODECS:08x}"
        writer.append(
            {
                "dataset": "many", "file": f"{file:08x}-0000-4000-8000-000000000000.wav", "mode": name,
                "spec": f"{name}:level=12,delta=conv1", "family": "dictionary", "status": "ok", "verified": 1,
                "original_bytes": 197422 + file, "compressed_bytes": 54321 + 7 * file + member, "frames": 98689 + file,
                "channels": 1, "rate": 19531, "bits": 16, "recording_seconds": 5.052941477650914 + file,
                "encode_seconds": 0.0493 + file / 7e6, "encode_cpu_seconds": 0.0485 + file / 7e6, "encode_repeats": 3,
                "encode_spread": 0.0595, "encode_memory_bytes": 6144000 + file, "decode_seconds": 0.0003 + file / 7e8,
                "decode_cpu_seconds": 0.0003 + file / 7e8, "decode_repeats": 7, "decode_spread": 0.0102,
                "decode_memory_bytes": 577536, "byte_entropy_before": 5.776209682, "byte_entropy_after": 7.984617052,
                "crc32": f"{file:08x}", "jobs": 1, "settings": "min_time=1 pin=1 memory=off timeout=3600",
                "codec_version": version, "libraries": "zstandard 0.25.0", "n1codec": "0.1.0", "python": "3.11.7",
                "machine": "linux-x86_64-00000000", "cpu": "CPU x2", "timestamp": "2026-01-01T00:00:00Z",
            }
            for file in range(rows)
        )  # fmt: skip


def main() -> None:
    members, rows = (int(argument) for argument in [*sys.argv[1:], "2688", "372"][:2])
    with TemporaryDirectory(prefix="n1-store-") as folder:
        path = Path(folder) / store.FILE
        fill(path, members, rows)
        started = time.monotonic()
        command = [sys.executable, "-m", "n1codec", "results", "show", folder]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        seconds = time.monotonic() - started
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        print(
            f"results show: {members * rows} rows in {members} members, {path.stat().st_size / 1e6:.1f} MB, "
            f"in {seconds:.1f} s ({used.ru_utime + used.ru_stime:.1f} s of CPU time), {used.ru_maxrss / 1e6:.2f} GB"
        )


if __name__ == "__main__":
    main()
