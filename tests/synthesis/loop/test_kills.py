"""A loop that is killed again and again ends as one that nobody disturbed."""

from __future__ import annotations

import multiprocessing
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from athena_wbc.files import sha256_file
from tests.synthesis.loop.small_loop import figures, manifest, run, use_fakes

KILLS = 6
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


def over(out: Path) -> int:
    """Stages that are done."""
    if not (out / "manifest.json").is_file():
        return 0
    return sum(stage["status"] == "done" for stage in manifest(out)["stages"].values())


def test_kills_change_nothing(
    loop_home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    in_a_process: Callable[..., multiprocessing.Process],
) -> None:
    use_fakes(monkeypatch)
    whole, out, config = loop_home / "out", tmp_path / "killed", loop_home / "loop.yaml"
    took = {name: stage["seconds"] for name, stage in manifest(whole)["stages"].items()}
    draw, lost = random.Random(3), 0
    # Moments by the work that is done, not by the clock: they lie in all of the run on a machine of any speed.
    for target in sorted(draw.randrange(len(took)) for _ in range(KILLS)):
        process = in_a_process(go_on, out, config)
        while over(out) < target and process.is_alive():
            time.sleep(0.01)
        time.sleep(draw.random() * max(took.values()))
        lost += process.is_alive()
        process.kill()
        process.join()
    assert lost >= KILLS // 2  # most of them met a run at work
    go_on(out, config)
    assert {stage["status"] for stage in manifest(out)["stages"].values()} == {"done"}
    assert figures(out) == figures(whole)
    for loop in range(2):
        for name in ("prompts.jsonl", "judgements.jsonl", "retarget.jsonl", "clips.jsonl", "training.json"):
            assert sha256_file(out / f"loop_{loop}" / name) == sha256_file(whole / f"loop_{loop}" / name), name
    assert not list(out.rglob(".*.tmp"))
