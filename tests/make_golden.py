"""Write the golden files that are missing: one of each kind of source, and one of each filter and codec.

    python tests/make_golden.py

A golden file that is there is never written again: files of a released version decode for ever.
"""

from __future__ import annotations

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


def main() -> None:
    sources = golden_wavs()
    wanted = list(KINDS.items())
    for name in registry.names():
        if registry.find(name).whole_file:
            continue
        wanted.append(("mono16", name if issubclass(registry.find(name), Coder) else f"{name}|zstd"))
    for kind, spec in wanted:
        path = GOLDEN / f"{kind}~{spec.replace('|', '+').replace(':', '-').replace('=', '')}~v1.n1c"
        if not path.exists():
            path.write_bytes(encode_bytes(sources[kind], get_codec(spec)))


if __name__ == "__main__":
    main()
