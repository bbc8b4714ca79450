"""N1 Codec: the workbench for compression of neural recordings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from n1codec.container import append, create, decode, decode_file, encode, encode_file, open
    from n1codec.pipeline import get_codec

_HOME = {
    "append": "n1codec.container",
    "create": "n1codec.container",
    "open": "n1codec.container",
    "encode": "n1codec.container",
    "decode": "n1codec.container",
    "encode_file": "n1codec.container",
    "decode_file": "n1codec.container",
    "get_codec": "n1codec.pipeline",
}

__all__ = ["__version__", "append", "create", "decode", "decode_file", "encode", "encode_file", "get_codec", "open"]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'n1codec' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOME[name]), name)
