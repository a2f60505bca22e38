"""The process of a stage: what it inherits does not hurt it, and what ends it is said."""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import types
from collections.abc import Callable, Iterator
from pathlib import Path

import mujoco
import pytest
from mujoco import batch

from athena_wbc.errors import AthenaError
from athena_wbc.pipeline.work import Outcome
from athena_wbc.pipeline.worker import Worker

BODY = "<mujoco><worldbody><body><freejoint/><geom size='.1'/></body></worldbody></mujoco>"


def started(folder: Path, run: Callable[..., Outcome]) -> Worker:
    plan = types.SimpleNamespace(folder=folder, label="seed 1: ", simulated=())
    return Worker(
        run, plan, types.SimpleNamespace(name="general", kind="train"), "cpu", False, range(os.cpu_count() or 1)
    )


@pytest.fixture
def garbage() -> Iterator[None]:
    """Threads of MuJoCo that only a collection would end, in this process or, wrongly, in its child."""
    gc.collect()
    gc.disable()
    pool = batch.Batch(mujoco.MjModel.from_xml_string(BODY), 8, 2, persistent=True)
    pool.step()
    circle = [pool]
    circle.append(circle)
    del pool, circle
    yield
    gc.enable()
    gc.collect()


def test_a_stage_does_not_collect_what_its_parent_left(tmp_path: Path, garbage: None) -> None:
    def collect(*arguments: object) -> Outcome:
        collects = gc.isenabled()
        gc.collect()
        return Outcome(facts={"collects": collects})

    worker = started(tmp_path, collect)
    assert worker.connection.poll(20.0), "the stage waits for threads that it never had"
    assert worker.result().facts == {"collects": True}
    assert not gc.isenabled()  # as it was


def test_a_crash_leaves_its_place_in_the_log(tmp_path: Path) -> None:
    def crash(*arguments: object) -> Outcome:
        ctypes.string_at(0)
        return Outcome()

    with pytest.raises(
        AthenaError, match=r"seed 1: general: its process was ended by SIGSEGV; see .*general\.log"
    ) as told:
        started(tmp_path, crash).result()
    assert "out of memory" not in str(told.value)
    log = (tmp_path / "logs" / "general.log").read_text()
    assert "Segmentation fault" in log and "in crash" in log


def test_a_killed_stage_may_have_had_too_little_memory(tmp_path: Path) -> None:
    def die(*arguments: object) -> Outcome:
        os.kill(os.getpid(), signal.SIGKILL)
        return Outcome()

    with pytest.raises(AthenaError, match=r"was ended by SIGKILL \(out of memory\?\)"):
        started(tmp_path, die).result()


def test_a_stage_may_end_its_process(tmp_path: Path) -> None:
    with pytest.raises(AthenaError, match="ended with exit code 3"):
        started(tmp_path, lambda *arguments: os._exit(3)).result()
