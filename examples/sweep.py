"""Compress a folder of WAV files with some codecs, into a CSV table: ``python examples/sweep.py FOLDER > sizes.csv``

``n1codec grid`` does this in full: with many codecs, repeated timing, and every byte verified in another process.
"""

import csv
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import n1codec

SPECS = ("copy", "delta|zstd", "remap|lpc|rans", "n1")

table = csv.writer(sys.stdout, lineterminator="\n")
table.writerow(["file", "codec", "original_bytes", "compressed_bytes", "encode_seconds", "decode_seconds"])
with tempfile.TemporaryDirectory() as folder:
    packed, restored = Path(folder, "packed.n1c"), Path(folder, "restored.wav")
    for source in sorted(Path(sys.argv[1]).glob("*.wav")):
        for spec in SPECS:
            start = perf_counter()
            encoded = n1codec.encode_file(source, packed, spec)
            between = perf_counter()
            n1codec.decode_file(packed, restored)
            end = perf_counter()
            assert restored.read_bytes() == source.read_bytes()
            sizes = encoded.source_bytes, encoded.packed_bytes
            table.writerow([source.name, encoded.spec, *sizes, f"{between - start:.6f}", f"{end - between:.6f}"])
