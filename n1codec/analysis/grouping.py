"""Which one-channel files were recorded together, told by their samples, and each such group as one recording."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from n1codec.analysis.groups import FALSE_ALARM, MOST_FRAMES, simultaneous
from n1codec.recordings import Place, Recording, UnknownFormat, open_source
from n1codec.recordings.samples import Mapped


def auto(places: Sequence[Place]) -> list[Place]:
    """Return one place for each group of simultaneous one-channel files, and every other place as it is.

    A group has the place of its first member in the list and is named after it: ``a.wav`` and two others are ``a+2``.
    Files that no reader understands are in no group.

    Raises:
        CodecError: a description of a file makes no sense.
        OSError: a file cannot be read.
    """
    recordings: list[Recording | None] = []
    for place in places:
        try:
            source = open_source(place)
        except UnknownFormat:
            recordings.append(None)
            continue
        one = next(iter(source.streams.values()))
        plain = len(source.streams) == 1 and not source.folder and isinstance(one, Mapped) and one.channels == 1
        recordings.append(one if plain else None)
    together = {members[0]: members for members in groups_of(recordings)}
    others = {member for members in together.values() for member in members[1:]}
    return [
        _group([places[member] for member in together[number]]) if number in together else place
        for number, place in enumerate(places)
        if number not in others
    ]


def groups_of(recordings: Sequence[Recording | None]) -> list[tuple[int, ...]]:
    """Return the numbers of the recordings in each group of simultaneous ones, ascending.

    Recordings can belong together if they have one channel, and equal length, rate and dtype; whether they do, see
    :func:`n1codec.analysis.groups.simultaneous`.

    Args:
        recordings: of one channel each; None stands for one that is in no group.
    """
    alike: dict[object, list[int]] = defaultdict(list)
    for number, one in enumerate(recordings):
        if one is not None:
            alike[one.frames, one.rate, one.dtype, one.bits].append(number)
    sets = [numbers for numbers in alike.values() if len(numbers) > 1]
    pairs = [len(numbers) * (len(numbers) - 1) // 2 for numbers in sets]
    found = []
    for numbers, many in zip(sets, pairs, strict=True):
        signals = [one.read(0, MOST_FRAMES)[:, 0] for number in numbers if (one := recordings[number]) is not None]
        for group in simultaneous(signals, false_alarm=FALSE_ALARM * many / sum(pairs)):
            found.append(tuple(numbers[member] for member in group.members))
    return sorted(found)


def _group(members: Sequence[Place]) -> Place:
    first = members[0]
    name = f"{first.path.stem}+{len(members) - 1}"
    return first._replace(path=first.path.with_name(name), members=tuple(member.path for member in members))
