"""Datasets of HDF5 that our codecs compress, beside gzip: ``python examples/hdf5.py [RECORDING.ap.bin]``

A recording is read as 385 channels of int16; without one, some noise is made up.
"""

import sys
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np

import n1codec.hdf5

if len(sys.argv) > 1:
    samples = np.fromfile(sys.argv[1], "<i2").reshape(-1, 385)
else:
    noise = np.random.default_rng(0).normal(0, 6, (8000, 17)).cumsum(axis=1)
    samples = (noise[:, 1:] - noise[:, :-1] + noise.mean(axis=1, keepdims=True)).astype(np.int16)

METHODS = {
    "n1_multi": n1codec.hdf5.compression(),
    "n1_multi:preset=fast": n1codec.hdf5.compression("n1_multi:preset=fast"),
    "gzip 4 with shuffle": {"compression": "gzip", "shuffle": True},
    "gzip 9 with shuffle": {"compression": "gzip", "compression_opts": 9, "shuffle": True},
}

with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "recording.h5"
    for name, how in METHODS.items():
        times = []
        with h5py.File(path, "w") as file:
            begin = time.process_time()
            file.create_dataset("data", data=samples, chunks=(min(len(samples), 30_000), samples.shape[1]), **how)
            times.append(time.process_time() - begin)
        with h5py.File(path) as file:
            size = file["data"].id.get_storage_size()
            begin = time.process_time()
            assert np.array_equal(file["data"][...], samples)
            times.append(time.process_time() - begin)
        written, read = (samples.nbytes / 1e6 / seconds for seconds in times)
        print(f"{name:21} ratio {samples.nbytes / size:.3f}, written at {written:.1f} and read at {read:.1f} MB/s")
