"""Which one-channel files were recorded together, told by their samples, and each such group as one recording."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import PurePath

from n1codec.analysis.groups import FALSE_ALARM, MOST_FRAMES, simultaneous
from n1codec.recordings.samples import Mapped
from n1codec.recordings.source import Source
from n1codec.recordings.together import group


def auto(sources: Sequence[Source]) -> list[Source]:
    """Return one source for each group of simultaneous one-channel files, and every other source as it is.

    Files can belong together if they have one channel, and equal length, rate and dtype; whether they do, see
    :func:`n1codec.analysis.groups.simultaneous`. A group has the place of its first member and is named after it:
    ``a.wav`` and two others are ``a+2``.
    """
    alike: dict[object, list[int]] = defaultdict(list)
    for number, source in enumerate(sources):
        one = next(iter(source.streams.values()))
        if len(source.streams) == 1 and not source.folder and isinstance(one, Mapped) and one.channels == 1:
            alike[one.frames, one.rate, one.dtype, one.bits].append(number)
    pairs = {key: len(numbers) * (len(numbers) - 1) // 2 for key, numbers in alike.items()}
    together: dict[int, tuple[int, ...]] = {}
    for key, numbers in alike.items():
        if not pairs[key]:
            continue
        signals = [sources[number].stream().read(0, MOST_FRAMES)[:, 0] for number in numbers]
        for found in simultaneous(signals, false_alarm=FALSE_ALARM * pairs[key] / sum(pairs.values())):
            members = tuple(numbers[member] for member in found.members)
            together |= dict.fromkeys(members, members)
    return [
        _grouped([sources[member] for member in together[number]]) if number in together else source
        for number, source in enumerate(sources)
        if number not in together or together[number][0] == number
    ]


def _grouped(members: Sequence[Source]) -> Source:
    return group(members, f"{PurePath(members[0].name).stem}+{len(members) - 1}")
