"""The pipeline as a graph: its stages, what each needs, and their order. Pure: nothing is read or run here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from athena_wbc.errors import AthenaError, suggest
from athena_wbc.pipeline.config import RESIDUAL, PipelineConfig, PolicyConfig

TRAIN, MANIFESTS, MINE, ROUTE = "train", "manifests", "mine", "route"
EVALUATE, PICTURES, REPORT = "evaluate", "pictures", "report"
"""Kinds of stages."""

SIMULATED = (TRAIN, MINE, ROUTE, EVALUATE)
"""Kinds that make environments in the process that runs the stage."""


@dataclass(frozen=True)
class Stage:
    """A step that is done as a whole, and redone as a whole."""

    name: str
    """A training has its policy's name, an evaluation is ``evaluate.<policy>``, the others are named as their kind."""
    kind: str
    policy: str = ""
    """Of a training or an evaluation; the one that is drawn."""
    needs: tuple[str, ...] = ()
    """Stages that have to be over (done, or skipped) before this one is looked at."""


def build_graph(config: PipelineConfig, source: str) -> dict[str, Stage]:
    """All stages by name, each after what it needs; where that leaves a choice, in the configuration's order.

    Args:
        config: a checked one.
        source: where it came from, for the message.

    Raises:
        AthenaError: policies that need each other in a circle, which it names.
    """
    stages = []
    if config.has_manifests:
        stages.append(Stage(MANIFESTS, MANIFESTS))
    for name, policy in config.policies.items():
        stages.append(Stage(name, TRAIN, name, _training_needs(policy)))
    if config.is_mined:
        stages.append(Stage(MINE, MINE, needs=(config.mining.teacher,)))
    if config.bank:
        needs = tuple(name for name in config.bank if name not in config.routing.without)
        stages.append(Stage(ROUTE, ROUTE, needs=needs))
    judged = []
    for name in config.policies:
        needs = [name]
        if config.is_mined and RESIDUAL in config.evaluation.sets:
            needs.append(MINE)
        if config.has_manifests:
            needs.append(MANIFESTS)
        judged.append(Stage(f"{EVALUATE}.{name}", EVALUATE, name, tuple(needs)))
    if config.pictures is not None:
        judged.append(Stage(PICTURES, PICTURES, config.pictures, _picture_needs(config, config.pictures)))
    report = Stage(REPORT, REPORT, needs=tuple(stage.name for stage in (*stages, *judged)))
    return _sorted([*stages, *judged, report], source)


def _training_needs(policy: PolicyConfig) -> tuple[str, ...]:
    needs = [policy.init_from] if policy.init_from is not None else []
    if policy.motions == RESIDUAL:
        needs.append(MINE)
    needs += policy.teachers
    if len(policy.teachers) > 1:
        needs.append(ROUTE)
    return tuple(dict.fromkeys(needs))


def _picture_needs(config: PipelineConfig, policy: str) -> tuple[str, ...]:
    needs = [policy, f"{EVALUATE}.{policy}"]
    if config.is_mined:
        needs += [MINE, config.mining.teacher, f"{EVALUATE}.{config.mining.teacher}"]
    return tuple(dict.fromkeys(needs))


def _sorted(stages: Iterable[Stage], source: str) -> dict[str, Stage]:
    left = {stage.name: stage for stage in stages}
    ordered: dict[str, Stage] = {}
    while left:
        ready = next((stage for stage in left.values() if all(need in ordered for need in stage.needs)), None)
        if ready is None:
            raise AthenaError(
                f"{source}: policies: a circle: {' -> '.join(_circle(left))} (each needs the next); "
                "change init_from, teachers, motions or mining.teacher of one of them"
            )
        ordered[ready.name] = left.pop(ready.name)
    return ordered


def _circle(left: Mapping[str, Stage]) -> list[str]:
    path = [next(iter(left))]
    while path[-1] not in path[:-1]:
        path.append(next(need for need in left[path[-1]].needs if need in left))
    return path[path.index(path[-1]) :]


def downstream(graph: Mapping[str, Stage], name: str) -> set[str]:
    """A stage and all that need it, directly or not."""
    found = {name}
    for stage in graph.values():  # in order, so one pass is enough
        if found & set(stage.needs):
            found.add(stage.name)
    return found


def upstream(graph: Mapping[str, Stage], name: str) -> set[str]:
    """A stage and all that it needs, directly or not."""
    found = {name}
    for stage in reversed(list(graph.values())):
        if stage.name in found:
            found |= set(stage.needs)
    return found


def find_stage(graph: Mapping[str, Stage], name: str, option: str) -> Stage:
    """The stage that an option names.

    Raises:
        AthenaError: there is no such stage; suggests the nearest.
    """
    if name not in graph:
        raise AthenaError(f"{option}: stage {suggest(name, graph)}")
    return graph[name]
