"""A codec of a sweep on another machine.

A unit of work is a codec with all files of the data set, so that its figures are those of one machine. It carries the
paths of the files, not their bytes: the machines see one file system, or each has the files in the same place. The
checksum of each is compared before anything is measured, and so is the version of the codec.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event

from n1codec.bench.measure import cases
from n1codec.bench.measure.cases import Case, Source
from n1codec.bench.measure.run import Outcome, Progress, Settings, run
from n1codec.codec import CodecError


def measure(case: Case, sources: Sequence[Source], settings: Settings) -> Outcome:
    """Measure and verify one codec where this is called; nothing is left there.

    Raises:
        CodecError: the files or the codec are not those of the machine that asked for this.
        OSError: this machine is at fault.
    """
    for source in sources:
        try:
            here = cases.source(source.place or source.path)
        except (CodecError, OSError):
            raise CodecError(
                f"{source.path}: a worker does not have it (share its folder with every machine)"
            ) from None
        if here.columns["crc32"] != source.columns["crc32"]:
            raise CodecError(f"{source.path}: a worker has another file of that name (share one folder)")
    (own,) = cases.make([case.spec], strict=False)
    if (own.version, own.problem) != (case.version, case.problem):
        why = own.problem[1] if own.problem else f"version {own.version} instead of {case.version}"
        raise CodecError(f"{case.mode}: a worker has another codec: {why} (install the same on every machine)")
    with TemporaryDirectory(prefix="n1-sweep-") as folder:
        return run(case, sources, Path(folder) / "work", settings, _ignore, Event())


def _ignore(step: Progress) -> None:
    """Progress stays where it is made: the sweep hears of a codec when it is done."""
