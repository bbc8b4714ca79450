"""Try an installed n1codec: ``python tools/try_wheel.py``, with numpy, click and rich and nothing else beside it.

Samples go through our own codecs and come back, the golden files of the checkout decode to what they were made of, so
that this system computes the same bits as others, and the command line works. The package is the installed one.
"""

from __future__ import annotations

import platform
import subprocess
import sys
import tempfile
from pathlib import Path

GOLDEN = Path(__file__).resolve().parent.parent / "tests" / "golden"
OWN = ("copy", "rice", "huffman", "range", "rans", "arange", "n1", "n1_implant", "n1_max", "n1_multi", "mdct")
SPECS = (*OWN[:-1], "n1_multi:preset=fast", "remap|lpc|rans", "delta|zigzag|planes|arange")


def main() -> int:
    import numpy as np

    import n1codec

    x = np.cumsum(np.random.default_rng(1).integers(-9, 10, (2000, 8)), axis=0).astype(np.int16)
    for spec in SPECS:
        if not np.array_equal(n1codec.decode(n1codec.encode(x, spec, rate=30_000)), x):
            raise SystemExit(f"try_wheel: {spec} gives back other samples")
    for spec in OWN:  # a .n1c file of version 1 has the checksum of its source, and is refused where that differs
        n1codec.decode((GOLDEN / f"mono16~{spec}~v1.n1c").read_bytes())
    with tempfile.TemporaryDirectory() as name:
        source, packed, back = (Path(name) / part for part in ("a.npy", "a.n1c", "b.npy"))
        np.save(source, x)
        for command in (("encode", source, packed), ("decode", packed, back)):
            subprocess.run([sys.executable, "-m", "n1codec", *map(str, command)], check=True, cwd=name)
        if back.read_bytes() != source.read_bytes():
            raise SystemExit("try_wheel: the command line gives back another file")
    print(
        f"{platform.system()} {platform.machine()}, Python {platform.python_version()}, NumPy {np.__version__}: "
        f"{len(SPECS)} codecs and {len(OWN)} golden files agree ({n1codec.__file__})"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
