"""A pipeline that is killed again and again ends as one that nobody disturbed; one that is asked to stop, stops."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from athena_wbc import cli
from athena_wbc.files import write_text
from athena_wbc.pipeline import worker
from athena_wbc.pipeline.lock import folder_lock
from tests.pipeline.small_pipeline import fake_report, results, run, stages, write_config

KILLS = 10
PATIENCE_S = 1800.0
"""Until a hang is taken for one, s; on a busy machine a stage of a second may take minutes."""
_context = multiprocessing.get_context("fork")


@pytest.fixture
def in_a_process() -> Iterator[Callable[..., multiprocessing.Process]]:
    """Starts processes, and leaves none behind."""
    processes = []

    def start(target: Callable[..., Any], *arguments: Any) -> multiprocessing.Process:
        process = _context.Process(target=target, args=arguments)
        process.start()
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.join()


def go_on(out: Path, config: Path) -> None:
    run(out, config, resume=True, jobs=2)


def wait_for(what: Callable[[], Any]) -> Any:
    """Wait until something is true."""
    deadline = time.monotonic() + PATIENCE_S
    while not (found := what()):
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.01)
    return found


def over(out: Path) -> int:
    """Stages that are done."""
    if not (out / "manifest.json").is_file():
        return 0
    return sum(stage["status"] == "done" for stage in stages(out).values())


def test_ten_kills_end_as_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_a_process: Callable[..., multiprocessing.Process]
) -> None:
    fake_report(monkeypatch)
    config = write_config(tmp_path, pictures="finetune")
    run(tmp_path / "whole", config)
    took = {name: stage["seconds"] for name, stage in stages(tmp_path / "whole").items()}
    draw = random.Random(7)
    out, lost = tmp_path / "killed", 0
    # Moments by the work that is done, not by the clock: they lie in all of the pipeline on a machine of any speed.
    for target in sorted(draw.randrange(len(took)) for _ in range(KILLS)):
        process = in_a_process(go_on, out, config)
        wait_for(lambda target=target, process=process: over(out) >= target or not process.is_alive())
        time.sleep(draw.random() * max(took.values()))
        lost += process.is_alive()
        process.kill()
        process.join()
    assert lost >= KILLS // 2  # most of them met a pipeline at work
    go_on(out, config)
    assert {stage["status"] for stage in stages(out).values()} == {"done"}
    assert results(out) == results(tmp_path / "whole")
    assert not list(out.rglob(".*.tmp"))


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="reads /proc")
def test_a_killed_pipeline_takes_its_stages_along(
    tmp_path: Path, in_a_process: Callable[..., multiprocessing.Process]
) -> None:
    config = write_config(tmp_path, policies__general__iterations=1_000_000)
    out = tmp_path / "out"
    process = in_a_process(go_on, out, config)
    wait_for(lambda: list(out.glob("general/checkpoints/model_*.pt")))
    (stage,) = children(process.pid)
    process.kill()
    process.join()
    wait_for(lambda: not Path(f"/proc/{stage}").exists())
    with folder_lock(out):  # nobody is left who holds it
        written = sorted(out.rglob("*"))
        time.sleep(0.3)
        assert sorted(out.rglob("*")) == written


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="reads /proc")
@pytest.mark.parametrize("how", ["the pipeline is killed", "the stage is killed"])
def test_what_a_stage_has_started_ends_with_it(
    how: str, tmp_path: Path, in_a_process: Callable[..., multiprocessing.Process]
) -> None:
    told = tmp_path / "pid"

    def draw(*arguments: Any) -> None:
        other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"])
        write_text(told, str(other.pid))
        other.wait()

    def pipeline() -> None:
        plan, stage = types.SimpleNamespace(folder=tmp_path, label="", run=draw), types.SimpleNamespace(name="pictures")
        stage_at_work = worker.Worker(plan, stage, "cpu", False, os.sched_getaffinity(0))
        if how == "the stage is killed":
            wait_for(told.is_file)
            stage_at_work.kill()
            assert stage_at_work.result().interrupted
        signal.pause()

    process = in_a_process(pipeline)
    wait_for(told.is_file)
    pid = int(told.read_text())
    try:
        if how == "the pipeline is killed":
            assert is_alive(pid)
            process.kill()
        wait_for(lambda: not is_alive(pid))
    finally:
        if is_alive(pid):
            os.kill(pid, signal.SIGKILL)


def test_a_signal_stops_it_where_it_can_go_on(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], in_a_process: Callable[..., multiprocessing.Process]
) -> None:
    config = write_config(tmp_path, policies__general__iterations=1_000_000)
    out = tmp_path / "out"

    def command() -> None:
        os._exit(cli.main(["pipeline", "--config", str(config), "--out", str(out), "--until", "general"]))

    process = in_a_process(command)
    wait_for(lambda: list(out.glob("general/checkpoints/model_1.pt")))
    os.kill(process.pid, signal.SIGTERM)
    process.join()
    assert process.exitcode == 130
    assert f"stopped; go on with: athena pipeline --out {out} --resume" in capfd.readouterr().out
    general = stages(out)["general"]
    assert general["status"] == "pending" and general["inputs"] and general["seconds"] > 0.0
    assert not (out / "replaced").exists()
