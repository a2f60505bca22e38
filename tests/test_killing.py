"""Ten kills are ten: each meets a run that is at work."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import killing


class Run:
    """A run of two stages that is over before its kill, or is met at work."""

    def __init__(self, out: Path, is_over: bool) -> None:
        self.is_over, self.kills = is_over, 0
        write(out, 2 if is_over else 1)

    def is_alive(self) -> bool:
        return not self.is_over

    def kill(self) -> None:
        self.kills += 1

    def join(self) -> None:
        pass


def write(out: Path, done: int) -> None:
    out.mkdir(exist_ok=True)
    stages = {f"{k}": {"status": "done" if k < done else "pending", "seconds": 0.0} for k in range(2)}
    (out / "manifest.json").write_text(json.dumps({"stages": stages}))


def runs(ends: Iterator[bool], tmp_path: Path, kills: int) -> list[Run]:
    write(tmp_path / "whole", 2)
    started: list[Run] = []

    def start() -> Run:
        started.append(Run(tmp_path / "out", next(ends)))
        return started[-1]

    killing.kill_again_and_again(start, tmp_path / "out", tmp_path / "whole", kills, seed=0)
    return started


def test_every_kill_meets_a_run(tmp_path: Path) -> None:
    ends = iter([True, False, True, True, False, False])
    started = runs(ends, tmp_path, kills=3)
    assert sum(not run.is_over and run.kills == 1 for run in started) == 3 and len(started) == 6


def test_runs_that_cannot_be_met_are_no_endless_loop(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="were over before they could be killed"):
        runs(iter(lambda: True, None), tmp_path, kills=3)
