"""Compress a folder of WAV files with some codecs, into a CSV table: ``python examples/sweep.py FOLDER > sizes.csv``

``n1codec grid`` does this in full: with many codecs, repeated timing, and every byte verified in another process.
"""

import csv
import sys
import tempfile
from pathlib import Path

import n1codec

SPECS = ("copy", "delta|zstd", "remap|lpc|rans", "n1")

table = csv.writer(sys.stdout, lineterminator="\n")
table.writerow(["file", "codec", "original_bytes", "compressed_bytes", "encode_seconds", "decode_seconds"])
with tempfile.TemporaryDirectory() as folder:
    packed, restored = Path(folder, "packed.n1c"), Path(folder, "restored.wav")
    for source in sorted(Path(sys.argv[1]).glob("*.wav")):
        for spec in SPECS:
            encoded = n1codec.encode_file(source, packed, spec)
            decoded = n1codec.decode_file(packed, restored)
            assert restored.read_bytes() == source.read_bytes()
            table.writerow([source.name, encoded.spec, encoded.source_bytes, encoded.packed_bytes,
                            f"{encoded.seconds:.6f}", f"{decoded.seconds:.6f}"])  # fmt: skip
