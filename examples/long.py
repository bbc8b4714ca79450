"""A recording that is written as frames come, and read at random."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

import n1codec

RATE, CHANNELS = 30_000, 64
rng = np.random.default_rng(0)

with TemporaryDirectory() as folder:
    path = Path(folder) / "live.n1c"
    with n1codec.create(path, channels=CHANNELS, dtype="int16", rate=RATE) as live:
        for _ in range(70):  # a tenth of a second at a time
            live.write(rng.normal(0, 20, (RATE // 10, CHANNELS)).astype(np.int16))

    with n1codec.open(path) as rec:
        piece = rec[RATE : 2 * RATE, [3, 5]]  # one second of two channels
        print(f"{rec.seconds:g} s of {rec.channels} channels in {len(rec.chunks)} chunks, {path.stat().st_size} bytes")
        print(f"electrode 3 at 1 s: {piece[:5, 0].tolist()}")
