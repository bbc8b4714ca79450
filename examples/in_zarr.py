"""A recording in Zarr, a second in a chunk, and its original file again: ``python examples/in_zarr.py``"""

import tempfile
from pathlib import Path

import numpy as np
import zarr

import n1codec.zarr

rate, seconds, channels = 10_000, 3, 16
rng = np.random.default_rng(0)
common = np.cumsum(rng.normal(0, 3, (rate * seconds, 1)), axis=0)
samples = (common + rng.normal(0, 8, (rate * seconds, channels))).astype(np.int16)  # (frames, channels)

with tempfile.TemporaryDirectory() as folder:
    original = Path(folder, "run.bin")
    samples.tofile(original)
    original.with_suffix(".bin.json").write_text(f'{{"channels": {channels}, "dtype": "int16", "rate": {rate}}}')

    n1codec.zarr.save(original, f"{folder}/run.zarr", "n1_multi:preset=fast")
    array = zarr.open(f"{folder}/run.zarr", mode="r")["samples"]
    assert np.array_equal(array[15_000:16_000, 3], samples[15_000:16_000, 3])  # decodes the chunk that holds it

    n1codec.zarr.restore(f"{folder}/run.zarr", f"{folder}/again.bin")
    assert Path(folder, "again.bin").read_bytes() == original.read_bytes()
    size = sum(path.stat().st_size for path in Path(folder, "run.zarr").rglob("*") if path.is_file())
    print(f"{array.shape} in chunks of {array.chunks}: {samples.nbytes / size:.3f}")
