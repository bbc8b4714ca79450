"""Write the golden files that are missing: one of each kind of source, one of each filter and codec, N1's with samples.

Those of version 2 are one of each kind of recording (tests/test_version2_golden.py); those of n1_multi are models
and chunks (tests/test_multi_golden.py), and packets (tests/test_stream_multi.py). That of the HDF5 filter is a file of
its chunks (tests/test_hdf5.py).

    python tests/make_golden.py

A golden file that is there is never written again: files of a released version decode for ever.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import test_hdf5
import test_multi_golden
import test_stream_multi
import test_version2_golden
from test_container import GOLDEN, golden_wavs

from n1codec import registry
from n1codec.codec import Coder
from n1codec.container import encode_bytes
from n1codec.pipeline import get_codec

KINDS = {
    "stereo16-extra": "delta:order=2|gzip",
    "mono24": "bitshuffle|bz2",
    "mono8": "delta|rice",
    "opaque": "zstd",
    "empty": "zstd",
}


def wanted() -> list[tuple[str, str]]:
    """Return (kind of source, spec) of every golden file that there should be."""
    found = list(KINDS.items())
    for name in registry.names():
        stage = registry.find(name)
        if stage.whole_file:
            continue
        found.append(("mono16", name if issubclass(stage, Coder) else f"{name}|zstd"))
        if stage.family == "n1":
            found.append(("n1", name))
    return found


def main() -> None:
    sources = golden_wavs()
    for kind, spec in wanted():
        path = GOLDEN / f"{kind}~{spec.replace('|', '+').replace(':', '-').replace('=', '')}~v1.n1c"
        if not path.exists():
            path.write_bytes(encode_bytes(sources[kind], get_codec(spec)))
    with TemporaryDirectory() as folder:
        test_version2_golden.write_missing(Path(folder))
    test_multi_golden.write_missing()
    test_stream_multi.write_missing()
    test_hdf5.write_missing()


if __name__ == "__main__":
    main()
