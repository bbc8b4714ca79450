"""What encoders do with a sample, an event or a block, counted while their references run (see counting.py).

python tests/count_operations.py        writes n1codec/stream/operations.json, a minute

Samples are made of integers alone, so that counts are the same everywhere.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import test_multi
import test_n1
import test_n1_max
from counting import Counts, load, size_of
from n1_implant_reference import integer_codes

from n1codec import n1_mapping
from n1codec.native import Kernel, writes
from n1codec.stream.events import EventEncoder
from n1codec.stream.packets import PacketEncoder

FILE = Path(__file__).parents[1] / "n1codec" / "stream" / "operations.json"
STEP = 10
"""Of mdct: that of its default."""
ERROR = 2
"""Of round: that of its default."""

QUALITY = 10
"""Of the steps of events' fields: about that of N1 recordings at 1 Mbit/s."""
CHANNELS = 1024
"""Among which tables are shared."""

Entry = dict[str, Any]


def entry(found: Counter[str], units: float, per: str, kept: float = 0) -> Entry:
    """Return the counts of one unit; ``kept`` are the bytes of a channel, and of its share of what all have."""
    operations = {
        name: round(count / units, 3) for name, count in sorted(found.items()) if " int" in name or " float" in name
    }
    accessed = found["read"] + found["written"]
    return {
        "per": per,
        "operations": operations,
        "touched_bytes": round(found["touched"] / units, 3),
        "accessed_bytes": round(accessed / units, 3),
        "kept_bytes": round(kept, 1),
    }


def n1_implant(frames: int = 1500) -> Entry:
    tables = np.empty(1 << 13, np.uint8)
    tables = tables[: Kernel("n1c_n1_implant_tables", writes(np.uint8))(tables)]
    counts = Counts(step="predict")
    module = load("n1_implant_reference", counts, "entropy_reference")
    module.Counted = int  # it counts for itself
    codes = integer_codes(frames)
    assert module.encode(codes, tables.tobytes())
    return entry(counts.found[""], frames, "sample", 24 + tables.size / CHANNELS)


def n1(frames: int = 6144) -> Entry:
    counts = Counts(step="give", scopes=("__init__",))
    module = load("n1_reference", counts)
    x = n1_mapping.values()[np.array(integer_codes(frames))]
    payload = test_n1.encode(x)
    assert module.encode(x, payload, test_n1.built_in())[0] == payload
    return entry(counts.found[""], frames, "sample", PacketEncoder(CHANNELS, 20_000, "n1").state_bytes / CHANNELS)


def n1_max(frames: int = 1024) -> Entry:
    counts = Counts(step="predict", scopes=("__init__",))
    module = load("n1_max_reference", counts, "entropy_reference")
    codes = integer_codes(frames)
    payload = test_n1_max.encode(n1_mapping.values()[np.array(codes)])
    assert module.encode(codes, payload[0] & 127, test_n1_max.built_in()) == payload
    return entry(counts.found[""], frames, "sample", test_n1_max.work_size(1))


def round_n1_multi(frames: int = 4096) -> Entry:
    """The decoder, without its search for a code, which an encoder knows, and with the bins of round."""
    codes = np.array(integer_codes(frames))
    bins = ((codes - int(np.median(codes)) + ERROR) // (2 * ERROR + 1)).astype(np.int16)[:, None]
    model = test_multi.fit(bins)
    counts = Counts(step="place", scopes=("code_at", "coded", "bins"))
    module = load("n1_multi_reference", counts, "entropy_reference")
    read = module.read(model)
    counts.found.clear()
    counts.found[""] = Counter()
    assert (module.Chunk(test_multi.encode(bins, model), read, frames).out == bins).all()
    every = counts.found["coded"]
    # A difference to the middle, a product with the reciprocal of the bin's width, a shift.
    every.update({"addition int16": 2 * frames, "multiplication int16": frames})
    own = 2 * size_of(read.channels[0].own) + 3 * 4
    return entry(every, frames, "sample", own + size_of(read.groups[0].threshold) / CHANNELS)


def mdct(frames: int = 2048) -> Entry:
    counts = Counts(step="choose")
    module = load("mdct_reference", counts, "entropy_reference")
    codes = integer_codes(frames)
    assert module.encode([code - 512 for code in codes], STEP << 8, 90)
    kept = Kernel("n1c_mdct_decode_work_size")() + 2 * 2 * module.BLOCK  # the model, and samples of two blocks
    return entry(counts.found[""], frames, "sample", kept)


def events(packets: int = 120, channels: int = 48, size: int = 20) -> dict[str, Entry]:
    """What a packet of events takes: per sample, bin, spike, waveform and block of the field."""
    x = np.array([integer_codes(packets * size + 97 * c)[97 * c :] for c in range(channels)], np.int16).T * 4
    shape = np.array([-100, -300, -600, -500, -200, 50, 150, 150, 120, 90], np.int16)
    for at in range(1400, len(x) - 50, 21):
        x[at : at + 10, at % channels] += shape
    encoder = EventEncoder(channels, 20_000, size)
    names = ("listen", "put_bins", "finish_bins", "put_events", "put_waves", "put_field", "__init__")
    counts = Counts(step="listen", scopes=names)
    module = load("events_reference", counts, "entropy_reference")
    slow = module.Events(x[0].tolist(), size, *encoder.settings)
    slow.quality, slow.adjust = QUALITY, lambda crowded: None
    spikes = waves = bins = blocks = 0
    for number, at in enumerate(range(0, len(x), size)):
        before = len(slow.pending)
        slow.push(x[at : at + size].tolist())
        encoder.push(x[at : at + size])
        new = len(encoder.found())
        spikes, waves = spikes + new, waves + before + new - len(slow.pending)
        bins += len(range(number % slow.bin, channels, slow.bin))
        blocks += len(range(number & 63, channels, 64))
    found = counts.found
    kept = EventEncoder(CHANNELS, 20_000, size).state_bytes / CHANNELS
    return {
        "events: listen": entry(found["listen"], x.size, "sample", kept),
        "events: counts": entry(found["put_bins"] + found["finish_bins"], bins, "bin"),
        "events: times": entry(found["put_events"], spikes, "spike"),
        "events: waveforms": entry(found["put_waves"], waves, "waveform"),
        "events: field": entry(found["put_field"], blocks, "block"),
    }


CODECS = {"n1_implant": n1_implant, "n1": n1, "n1_max": n1_max, "round|n1_multi": round_n1_multi, "mdct": mdct}


def main() -> None:
    found = {name: count() for name, count in CODECS.items()} | events()
    FILE.write_text(json.dumps(found, indent=1) + "\n")
    for name, one in found.items():
        print(
            f"{name}: {sum(one['operations'].values()):.0f} operations, {one['touched_bytes']:.0f} bytes a {one['per']}"
        )


if __name__ == "__main__":
    main()
