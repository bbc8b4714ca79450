"""``n1codec cat``."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import click

from n1codec.cli._data import describes_recordings


@click.command("cat")
@click.argument("path", metavar="FILE")
@click.option("--start", default="0", help="The first frame: a number of frames, or a time such as 10s or 250ms (0).")
@click.option("--stop", default="", help="The frame behind the last, or a time; the end if it is not given.")
@click.option("-o", "--out", "target", metavar="OUT", help=".npy, .wav or .csv; other names get the bare samples.")
@describes_recordings
def command(path: str, start: str, stop: str, target: str | None, reading: Any) -> None:
    """Read a stretch of a recording, decoding only the chunks that hold it.

    Without -o the samples go to standard output, as bare little-endian numbers, the channels of a frame together; to a
    terminal as text.

    \b
    Examples:
      n1codec cat recording.n1c --start 10s --stop 11s --select 0-3 -o out.npy
      n1codec cat run.ap.bin --start 100 --stop 110 --select 5 -o out.csv
    """
    from n1codec import files
    from n1codec.codec import CodecError
    from n1codec.recordings import open_recording

    try:
        recording = open_recording(reading.place(Path(path)))
        first, last = (_frame(text, recording) for text in (start, stop or str(recording.frames)))
        x = recording.read(first, last)
    except CodecError as error:
        raise CodecError(str(error) if str(error).startswith(path) else f"{path}: {error}") from error
    kind = Path(target or "").suffix.lower()
    if kind == ".csv" or (target is None and sys.stdout.isatty()):
        lines = [",".join(recording.channel_names), *(",".join(map(str, row)) for row in x.tolist())]
        text = "\n".join(lines) + "\n"
        files.write(target or files.STANDARD, text.encode())
    elif kind == ".npy":
        import io

        import numpy as np

        buffer = io.BytesIO()
        np.save(buffer, x, allow_pickle=False)
        files.write(target or "", buffer.getbuffer())
    elif kind == ".wav":
        from n1codec.recordings import wav

        if x.dtype.name not in ("uint8", "int16", "int32"):
            raise CodecError(f"{target}: WAV files of {x.dtype} are not written (take .npy)")
        files.write(target or "", wav.write(x, round(recording.rate)))
    else:
        little = x.astype(x.dtype.newbyteorder("<"), copy=False)
        files.write(target or files.STANDARD, little.tobytes())


def _frame(text: str, recording: Any) -> int:
    """Return the frame that a number or a time stands for."""
    match = re.fullmatch(r"(-?\d+(?:\.\d+)?)(s|ms|min|h|)", text)
    if not match or (not match[2] and "." in match[1]):
        raise click.UsageError(f"{text!r} is no number of frames and no time such as 10s, 250ms or 2min")
    if not match[2]:
        return int(match[1])
    if not recording.rate:
        from n1codec.codec import CodecError

        raise CodecError("its sampling rate is not known (give frames instead of a time)")
    return round(float(match[1]) * {"s": 1, "ms": 0.001, "min": 60, "h": 3600}[match[2]] * recording.rate)
