"""What a search tries: stages, chains of filters, and variants of their parameters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import cache
from typing import Any, NamedTuple

from n1codec import registry
from n1codec.codec import Choice, CodecError, Coder, Filter, Float, Int, SpecError, Stage
from n1codec.pipeline import Pipeline, get_codec, stage_spec

_MOST_STEPS = 64
"""A parameter of no more values is also tried with its next ones and at the ends of its range."""


class Candidate(NamedTuple):
    filters: tuple[str, ...]
    coder: str

    @property
    def spec(self) -> str:
        return "|".join((*self.filters, self.coder))


def stages(
    only_filters: Iterable[str] = (), only_coders: Iterable[str] = (), exclude: Iterable[str] = ()
) -> list[type[Stage]]:
    """Return the stages that can run here, lossless ones of our own process.

    Args:
        only_filters, only_coders: names; all if there are none.
        exclude: names or families.

    Raises:
        SpecError: a name is unknown, of the wrong kind, or nothing is left.
    """
    wanted: dict[type, set[str]] = {Filter: set(only_filters), Coder: set(only_coders)}
    for kind, names in wanted.items():
        for name in names:
            if not issubclass(registry.find(name), kind):
                raise SpecError(f"{name} is no {kind.__name__.lower()}")
    dropped = set(exclude)
    if unknown := sorted(dropped - {*registry.names(), *map(registry.family, registry.names())}):
        raise SpecError(f"there is no codec, filter or family {unknown[0]!r} to exclude (see n1codec list)")
    found = []
    for name in registry.names():
        with suppress(CodecError):  # n1codec list says what is wrong with it
            stage = registry.find(name)
            names = wanted[Coder if issubclass(stage, Coder) else Filter]
            usable = stage.lossless and not stage.whole_file and not stage.unavailable()
            if usable and not {name, stage.family} & dropped and (not names or name in names):
                found.append(stage)
    if not any(issubclass(stage, Coder) for stage in found):
        raise SpecError("no coder is left to try")
    return found


@cache
def _declared() -> list[Pipeline]:
    """Return every pipeline that a stage declares in its grid."""
    specs: list[str] = []
    for name in registry.names():
        with suppress(CodecError):
            specs += registry.find(name).grid
    return [get_codec(spec) for spec in dict.fromkeys(specs)]


def chains_declared(chosen: Sequence[type[Stage]]) -> list[tuple[str, ...]]:
    """Return the chains of filters, none of parameters, that grids have."""
    names = {stage.name for stage in chosen}
    found = [tuple(stage.name for stage in codec.filters) for codec in _declared()]
    return sorted({chain for chain in found if set(chain) <= names})


def settings_declared(stage: type[Stage]) -> list[str]:
    """Return a stage with its defaults and with each set of parameters that grids have."""
    found = [stage_spec(stage())]
    found += [stage_spec(used) for codec in _declared() for used in codec.stages if used.name == stage.name]
    return list(dict.fromkeys(found))


@cache
def variants(spec: str) -> list[str]:
    """Return one stage with other parameters: those of grids, and each parameter by itself a step away."""
    coder = issubclass(registry.find(spec.partition(":")[0]), Coder)
    stage: Stage = get_codec(spec if coder else f"{spec}|{registry.STORED}").stages[0]
    config = stage.get_config()
    found = settings_declared(type(stage))
    for key, param in stage.params.items():
        value = config[key]
        others: list[Any] = []
        if isinstance(param, Choice):
            others = list(param.choices)
        elif isinstance(param, Int):
            others = [value // 2, value * 2]
            if param.high - param.low < _MOST_STEPS:
                others += [value - 1, value + 1, param.low, param.high]
        elif isinstance(param, Float):
            others = [value / 2, value * 2]
        for other in others:
            with suppress(SpecError):
                found.append(stage_spec(type(stage)(**config | {key: other})))
    return [other for other in dict.fromkeys(found) if other != spec]


def neighbours(candidate: Candidate) -> list[Candidate]:
    """Return a candidate with the parameters of one of its stages changed."""
    filters, coder = candidate
    found = [Candidate(filters, other) for other in variants(coder)]
    for index, spec in enumerate(filters):
        found += [Candidate((*filters[:index], other, *filters[index + 1 :]), coder) for other in variants(spec)]
    return found
