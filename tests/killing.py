"""Runs in processes of their own, and kills of them at drawn moments."""

from __future__ import annotations

import gc
import json
import multiprocessing
import random
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PATIENCE_S = 600.0
"""Until a hang is taken for one, s; on a busy machine a stage of a second may take minutes."""
TRIES = 10
"""Runs that may be over before a kill meets one."""
_context = multiprocessing.get_context("fork")

Start = Callable[..., multiprocessing.Process]
"""Takes a function and its arguments."""


def _apart(target: Callable[..., Any], *arguments: Any) -> None:
    # What earlier tests have left here belongs to their process: its threads are not in this one.
    gc.freeze()
    target(*arguments)


@contextmanager
def processes() -> Iterator[Start]:
    """Starts processes, and leaves none behind."""
    started = []

    def start(target: Callable[..., Any], *arguments: Any) -> multiprocessing.Process:
        process = _context.Process(target=_apart, args=(target, *arguments))
        process.start()
        started.append(process)
        return process

    try:
        yield start
    finally:
        for process in started:
            process.kill()
            process.join()


def wait_for(what: Callable[[], Any]) -> Any:
    """Wait until something is true."""
    deadline = time.monotonic() + PATIENCE_S
    while not (found := what()):
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.01)
    return found


def recorded(out: Path) -> dict[str, dict[str, Any]]:
    """What the manifest of a run says of every stage; nothing where there is none yet."""
    path = out / "manifest.json"
    return json.loads(path.read_text())["stages"] if path.is_file() else {}


def over(out: Path) -> int:
    """Stages that are done."""
    return sum(stage["status"] == "done" for stage in recorded(out).values())


def kill_again_and_again(
    start: Callable[[], multiprocessing.Process], out: Path, whole: Path, kills: int, seed: int
) -> None:
    """Start a run and kill it at work, `kills` times; one that is over before its kill begins anew.

    Args:
        start: goes on with the run in `out`.
        whole: the same run, undisturbed.
        seed: of the moments.
    """
    took = [stage["seconds"] for stage in recorded(whole).values()]
    draw = random.Random(seed)
    # Moments by the work that is done, not by the clock: they lie in all of the run on a machine of any speed.
    for target in sorted(draw.randrange(len(took)) for _ in range(kills)):
        for _ in range(TRIES):
            process = start()
            wait_for(lambda target=target, process=process: over(out) >= target or not process.is_alive())
            time.sleep(draw.random() * max(took))
            met = process.is_alive() and over(out) < len(took)
            process.kill()
            process.join()
            if met:
                break
            shutil.rmtree(out)  # nothing is left to be killed in it
            target = draw.randrange(len(took))  # the last stages are short, and would be missed again
        else:
            raise AssertionError(f"{TRIES} runs were over before they could be killed")
