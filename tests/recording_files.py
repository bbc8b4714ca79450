"""Small recordings in the formats of laboratories, written as their programs write them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

SHARED = Path(__file__).resolve().parents[1] / ".." / "shared" / "recordings"
"""Where real recordings may be."""
NEUROPIXELS_2 = SHARED / "neuropixels2-spikeglx"
OPEN_EPHYS = SHARED / "neuropixels-openephys"
TETRODE = SHARED / "locust" / "locust_trial_01.raw"


def walks(frames: int, channels: int, seed: int = 1) -> np.ndarray:
    """Return int16 samples of channels that wander, each around a place of its own, shape (frames, channels)."""
    rng = np.random.default_rng(seed)
    steps = rng.normal(0, 5, (frames, channels))
    for frame in range(1, frames):
        steps[frame] += 0.95 * steps[frame - 1]
    return (steps + rng.normal(0, 100, channels)).astype(np.int16)


def spikeglx(path: Path, samples: np.ndarray, **tags: object) -> Path:
    """Write ``X.bin`` and ``X.meta``; ``tags`` replace those of a probe Neuropixels 1.0, None removes one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = samples.astype("<i2").tobytes()
    path.write_bytes(data)
    channels = samples.shape[1]
    usual: dict[str, object] = {
        "typeThis": "imec", "nSavedChans": channels, "imSampRate": 30000.5, "fileSizeBytes": len(data),
        "snsApLfSy": f"{channels - 1},0,1", "acqApLfSy": "384,384,1", "imDatPrb_type": 0, "imAiRangeMax": 0.6,
        "snsSaveChanSubset": f"0:{channels - 2},768",
        "~imroTbl": imro(),
    }  # fmt: skip
    lines = [f"{key}={value}" for key, value in {**usual, **tags}.items() if value is not None]
    path.with_suffix(".meta").write_text("\n".join(lines) + "\n")
    return path


def imro(ap: int = 500, lf: int = 250) -> str:
    """Return the table of a probe Neuropixels 1.0 on its first bank; channel 2 has half of the amplification."""
    entries = (f"({n} 0 0 {ap if n != 2 else ap // 2} {lf if n != 2 else lf // 2} 1)" for n in range(384))
    return "(0,384)" + "".join(entries)


def open_ephys(
    folder: Path, streams: dict[str, np.ndarray], *, names: Sequence[str] = (), units: str = "", **about: object
) -> Path:
    """Write a recording folder with its ``structure.oebin`` and a folder of samples for each stream."""
    described = []
    for name, samples in streams.items():
        at = folder / "continuous" / name
        at.mkdir(parents=True)
        (at / "continuous.dat").write_bytes(samples.astype("<i2").tobytes())
        np.save(at / "sample_numbers.npy", np.arange(1000, 1000 + len(samples)))
        channels = names or [f"CH{number + 1}" for number in range(samples.shape[1])]
        described.append({
            "folder_name": f"{name}/", "sample_rate": 30000.0, "num_channels": samples.shape[1],
            "source_processor_id": 100, "stream_name": name,
            "channels": [
                {"channel_name": one, "description": "", "bit_volts": 0.195, "units": units} for one in channels
            ],
            **about,
        })  # fmt: skip
    (folder / "structure.oebin").write_text(json.dumps({"GUI version": "0.6.0", "continuous": described}))
    return folder
