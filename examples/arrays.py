"""Encode an array of samples and decode it again: ``python examples/arrays.py``"""

import numpy as np

import n1codec

rate = 30_000
seconds = np.arange(2 * rate) / rate
noise = np.random.default_rng(0).normal(0, 8, (seconds.size, 4))
samples = (100 * np.sin(2 * np.pi * 10 * seconds)[:, None] + noise).astype(np.int16)  # (frames, channels)

for spec in ("n1", "remap|lpc|rans", "delta|zstd:level=19"):
    blob = n1codec.encode(samples, spec, rate=rate)
    assert np.array_equal(n1codec.decode(blob), samples)
    print(f"{spec:20} {samples.nbytes / len(blob):.3f}")
