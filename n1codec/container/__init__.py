"""The .n1c file: self-describing, checksummed, versioned (docs/format.md).

``header``    what a file says of its source
``version1``  the bytes of format version 1
``sources``   the bytes of WAV files and others to .n1c bytes and back
``arrays``    arrays to .n1c bytes and back
``convert``   files to files
"""

from n1codec.container.arrays import decode, encode
from n1codec.container.convert import Converted, decode_file, encode_file
from n1codec.container.header import DTYPES, MAGIC, MOST_AROUND, MOST_CHANNELS, RATES, Header, decode_samples, decoder
from n1codec.container.sources import Source, decode_bytes, encode_bytes, open_source, restore
from n1codec.container.version1 import VERSION, read

__all__ = [
    "DTYPES",
    "MAGIC",
    "MOST_AROUND",
    "MOST_CHANNELS",
    "RATES",
    "VERSION",
    "Converted",
    "Header",
    "Source",
    "decode",
    "decode_bytes",
    "decode_file",
    "decode_samples",
    "decoder",
    "encode",
    "encode_bytes",
    "encode_file",
    "open_source",
    "read",
    "restore",
]
