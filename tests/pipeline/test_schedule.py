"""Which cores a stage may use."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest

from athena_wbc.pipeline.graph import EVALUATE, MINE, PICTURES, ROUTE, TRAIN, Stage
from athena_wbc.pipeline.schedule import Schedule


@pytest.fixture(autouse=True)
def four_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 2, 3}, raising=False)


def cores(stage: Stage, running: dict[Stage, set[int]], ready: tuple[Stage, ...] = (), jobs: int = 2) -> list[int]:
    """Of a stage beside others that run on some cores."""
    stages = (stage, *ready, *running)
    plan = SimpleNamespace(folder=".", graph={other.name: other for other in stages})
    schedule = Schedule(print, [plan], None, jobs, "cpu", None)
    schedule._running = [
        SimpleNamespace(plan=plan, stage=other, cores=frozenset(used)) for other, used in running.items()
    ]
    # The stage itself is among those that are ready, as when the schedule asks.
    return schedule._cores(stage)


FIRST, SECOND = Stage("first", TRAIN, "first"), Stage("second", TRAIN, "second")


@pytest.mark.parametrize("kind", [EVALUATE, MINE, ROUTE, PICTURES])
def test_a_training_beside_a_short_stage_keeps_all_cores(kind: str) -> None:
    short = Stage("short", kind)
    assert cores(FIRST, {short: {0, 1, 2, 3}}) == [0, 1, 2, 3]
    assert cores(FIRST, {}, ready=(short,)) == [0, 1, 2, 3]
    assert cores(short, {FIRST: {0, 1, 2, 3}}) == [0, 1, 2, 3]


def test_two_trainings_share() -> None:
    assert cores(FIRST, {}, ready=(SECOND,)) == [0, 2]
    assert cores(SECOND, {FIRST: {0, 2}}) == [1, 3]
    assert cores(SECOND, {FIRST: {0, 1, 2, 3}}) == [0, 2]
    assert cores(FIRST, {}, ready=(SECOND,), jobs=1) == [0, 1, 2, 3]
