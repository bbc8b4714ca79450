"""Sort the spikes of recordings with a sorter of SpikeInterface: a program that runs in an environment of its own.

It is called by path, since this package is not installed there, and serves until its standard input ends, since
compiling a sorter takes as long as sorting a minute with it. First it prints {"spikeinterface": its version, "sorters":
[names]}. Each line that it reads names a folder, of which it sorts what job.json describes; then it prints a line.
The job is an object of sorter, rate, dtype, channels, and geometry (a place for each channel); the samples are in
samples.bin, frame by frame. The answer is in spikes.json: {"units": {"0": [frames], ...}}, or {"failure": why}.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def main() -> None:
    answers, sys.stdout = sys.stdout, sys.stderr  # sorters print what they like
    import spikeinterface
    from spikeinterface.sorters import installed_sorters

    print(json.dumps({"spikeinterface": spikeinterface.__version__, "sorters": installed_sorters()}), file=answers,
          flush=True)  # fmt: skip
    for line in sys.stdin:
        folder = Path(line.rstrip("\n"))
        answer: dict[str, Any]
        try:
            answer = {"units": _sort(folder, json.loads((folder / "job.json").read_text()))}
        except Exception as error:  # a sorter may fail in any way, which is a finding and not a fault of this program
            answer = {"failure": f"{type(error).__name__}: {error}".strip()}
        (folder / "spikes.json").write_text(json.dumps(answer))
        print("done", file=answers, flush=True)


def _sort(folder: Path, job: dict[str, Any]) -> dict[str, list[int]]:
    import probeinterface
    import spikeinterface as si
    from spikeinterface.sorters import run_sorter

    si.set_global_job_kwargs(n_jobs=1, progress_bar=False)
    recording = si.BinaryRecordingExtractor(
        folder / "samples.bin", job["rate"], job["dtype"], job["channels"], gain_to_uV=1.0, offset_to_uV=0.0
    )
    probe = probeinterface.Probe(ndim=2)
    probe.set_contacts(positions=job["geometry"])
    probe.set_device_channel_indices(range(job["channels"]))
    recording.set_probe(probe)
    sorting = run_sorter(job["sorter"], recording, folder=folder / "sorter")
    return {str(i): sorting.get_unit_spike_train(unit).tolist() for i, unit in enumerate(sorting.unit_ids)}


if __name__ == "__main__":
    main()
