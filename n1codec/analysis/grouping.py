"""Which one-channel files were recorded together, told by their samples, and each such group as one recording."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import PurePath
from typing import TypeVar

from n1codec.analysis.groups import FALSE_ALARM, MOST_FRAMES, simultaneous
from n1codec.recordings import Place, Recording, Source, UnknownFormat, open_source
from n1codec.recordings.samples import Mapped
from n1codec.recordings.together import group


def auto(sources: Sequence[Source]) -> list[Source]:
    """Return one source for each group of simultaneous one-channel files, and every other source as it is.

    A group has the place of its first member in the list and is named after it: ``a.wav`` and two others are ``a+2``.
    """
    groups = groups_of([_one_channel(source) for source in sources])
    return _merged(sources, groups, lambda members: group(members, _name(members[0].name, len(members))))


def auto_places(places: Sequence[Place]) -> list[Place]:
    """Return what :func:`auto` does, of places: one for each group, which opens as one recording.

    Files that no reader understands are in no group.

    Raises:
        CodecError: a description of a file makes no sense.
        OSError: a file cannot be read.
    """
    recordings: list[Recording | None] = []
    for place in places:
        try:
            recordings.append(_one_channel(open_source(place)))
        except UnknownFormat:
            recordings.append(None)
    return _merged(places, groups_of(recordings), _place)


def _place(members: Sequence[Place]) -> Place:
    path = members[0].path
    return members[0]._replace(
        path=path.with_name(_name(path.name, len(members))), members=tuple(member.path for member in members)
    )


def _name(first: str, members: int) -> str:
    return f"{PurePath(first).stem}+{members - 1}"


def _one_channel(source: Source) -> Recording | None:
    """Return the recording of a source that is one file of one channel, None for any other."""
    one = next(iter(source.streams.values()))
    plain = len(source.streams) == 1 and not source.folder and isinstance(one, Mapped) and one.channels == 1
    return one if plain else None


T = TypeVar("T")


def _merged(all_: Sequence[T], groups: Sequence[tuple[int, ...]], merge: Callable[[list[T]], T]) -> list[T]:
    """Return the members of each group merged at the first one's place, and what is in no group where it is."""
    together = {members[0]: [all_[member] for member in members] for members in groups}
    others = {member for members in groups for member in members[1:]}
    return [
        merge(together[number]) if number in together else one
        for number, one in enumerate(all_)
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
        for one_group in simultaneous(signals, false_alarm=FALSE_ALARM * many / sum(pairs)):
            found.append(tuple(numbers[member] for member in one_group.members))
    return sorted(found)
