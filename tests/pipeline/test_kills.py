"""A pipeline that is killed again and again ends as one that nobody disturbed; one that is asked to stop, stops."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import types
from pathlib import Path
from typing import Any

import pytest

from athena_wbc import cli
from athena_wbc.files import write_text
from athena_wbc.pipeline import worker
from athena_wbc.pipeline.lock import folder_lock
from tests.killing import Start, kill_again_and_again, wait_for
from tests.pipeline.small_pipeline import fake_report, results, run, stages, write_config

KILLS = 10


def go_on(out: Path, config: Path) -> None:
    run(out, config, resume=True, jobs=2)


def test_ten_kills_end_as_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_a_process: Start) -> None:
    fake_report(monkeypatch)
    config = write_config(tmp_path, pictures="finetune")
    run(tmp_path / "whole", config)
    out = tmp_path / "killed"
    kill_again_and_again(lambda: in_a_process(go_on, out, config), out, tmp_path / "whole", KILLS, seed=7)
    go_on(out, config)
    assert {stage["status"] for stage in stages(out).values()} == {"done"}
    assert results(out) == results(tmp_path / "whole")
    assert not list(out.rglob(".*.tmp"))


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="reads /proc")
def test_a_killed_pipeline_takes_its_stages_along(tmp_path: Path, in_a_process: Start) -> None:
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
def test_what_a_stage_has_started_ends_with_it(how: str, tmp_path: Path, in_a_process: Start) -> None:
    told = tmp_path / "pid"

    def draw(*arguments: Any) -> None:
        other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"])
        write_text(told, str(other.pid))
        other.wait()

    def pipeline() -> None:
        plan = types.SimpleNamespace(folder=tmp_path, label="", simulated=())
        stage = types.SimpleNamespace(name="pictures", kind="pictures")
        stage_at_work = worker.Worker(draw, plan, stage, "cpu", False, os.sched_getaffinity(0))
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
    tmp_path: Path, capfd: pytest.CaptureFixture[str], in_a_process: Start
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
