"""A stage in a process of its own: started, watched, stopped, and never alive longer than the pipeline."""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Collection, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from athena_wbc.errors import AthenaError
from athena_wbc.pipeline.graph import Stage
from athena_wbc.pipeline.work import Outcome, RunStage, Work
from athena_wbc.sim.registry import started

LOGS = "logs"
DONE, ERROR, BUG = "done", "error", "bug"
_WATCH_S = 0.2
_SIGNALS = (signal.SIGINT, signal.SIGTERM)

# A fork shares what is already imported, which takes seconds; the pipeline's own process never computes with torch. It
# must not: threads that did, and that a fork leaves behind, corrupt the heap of a child that computes in two threads.
_context = multiprocessing.get_context("fork")


class Worker:
    """A stage under way.

    Args:
        run: does it.
        plan, stage: what to do.
        device: torch device.
        resume: go on with what an earlier try has left, such as checkpoints.
        cores: that the process may use; the physics takes a thread for each.
    """

    def __init__(
        self, run: RunStage, plan: Work, stage: Stage, device: str, resume: bool, cores: Collection[int]
    ) -> None:
        self.plan, self.stage, self.cores = plan, stage, frozenset(cores)
        self.began = time.monotonic()
        self.log = plan.folder / LOGS / f"{stage.name}.log"
        self._asked_to_stop = False
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.connection, theirs = _context.Pipe(duplex=False)
        sys.stdout.flush()
        sys.stderr.flush()
        self._process = _context.Process(
            target=_work,
            args=(theirs, run, plan, stage, device, resume, self.cores, self.log, os.getpid()),
            daemon=False,
        )
        with _undisturbed():
            self._process.start()
        theirs.close()

    @property
    def seconds(self) -> float:
        """Since its start."""
        return time.monotonic() - self.began

    def result(self) -> Outcome:
        """How it ended, once ``connection`` has something to say.

        Raises:
            AthenaError: the user's mistake that the stage met, or a process that something killed.
            RuntimeError: a bug, with the stage's traceback.
        """
        try:
            kind, value = self.connection.recv()
        except EOFError:
            kind, value = None, None
        self._process.join()
        self.connection.close()
        if kind == DONE:
            return value
        if kind == ERROR:
            raise AthenaError(f"{self.plan.label}{self.stage.name}: {value}")
        if kind == BUG:
            raise RuntimeError(f"stage {self.plan.label}{self.stage.name}:\n{value}")
        if self._asked_to_stop:
            return Outcome(interrupted=True)
        raise AthenaError(
            f"{self.plan.label}{self.stage.name}: its process {_end(self._process.exitcode)}; see {self.log}, then "
            "go on with --resume"
        )

    def stop(self) -> None:
        """Ask it to stop: a training then saves a checkpoint first."""
        self._asked_to_stop = True
        self._process.terminate()

    def kill(self) -> None:
        """End it at once, with what it has started itself."""
        self._asked_to_stop = True
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:  # over already, or not yet so far as to have a group
            self._process.kill()

    def last_line(self) -> str:
        """The last line of its log."""
        try:
            with open(self.log, "rb") as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - 400))
                lines = file.read().decode(errors="replace").splitlines()
        except OSError:
            return ""
        return lines[-1].strip() if lines else ""


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Around a fork: no signal meets the child with its parent's handlers, and no garbage of the parent is collected.

    In the child that garbage is poison: a pool of threads, for one, waits on its way out for threads that a fork leaves
    behind. `_settle` ends both for the child.
    """
    collects = gc.isenabled()
    gc.disable()
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        if collects:
            gc.enable()


def _settle() -> None:
    """Make a fresh child a process of its own."""
    # Not the terminal's group: Ctrl-C is for the pipeline, which then asks its stages to stop.
    os.setpgid(0, 0)
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    gc.freeze()
    gc.enable()


def _end(code: int | None) -> str:
    if code is None or code >= 0:
        return f"ended with exit code {code}"
    why = " (out of memory?)" if -code == signal.SIGKILL else ""
    return f"was ended by {signal.Signals(-code).name}{why}"


def _work(
    connection: Connection,
    run: RunStage,
    plan: Work,
    stage: Stage,
    device: str,
    resume: bool,
    cores: frozenset[int],
    log: Path,
    parent: int,
) -> None:
    _settle()
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores)
    with open(log, "a", buffering=1, encoding="utf-8") as stream:
        os.dup2(stream.fileno(), 1)
        os.dup2(stream.fileno(), 2)
        faulthandler.enable(2)
        sys.stdout = sys.stderr = stream
        with contextlib.ExitStack() as stack:
            message = _outcome(run, plan, stage, device, resume, stack)
            # Before the simulator is closed: Isaac Sim ends the process with itself.
            connection.send(message)
            connection.close()
        sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__


def _outcome(
    run: RunStage, plan: Work, stage: Stage, device: str, resume: bool, stack: contextlib.ExitStack
) -> tuple[str, Any]:
    """Do the stage; the simulator that it needs is closed by ``stack``."""
    try:
        os.chdir(plan.folder)
        if stage.kind in plan.simulated:
            stack.enter_context(started())
        return DONE, run(plan, stage, device, resume)
    except AthenaError as error:
        return ERROR, str(error)
    except KeyboardInterrupt:
        return DONE, Outcome(interrupted=True)
    except BaseException:
        return BUG, traceback.format_exc()


def _interrupt(number: int, frame: Any) -> None:
    raise KeyboardInterrupt


def _watch(parent: int) -> None:
    """End this process when the pipeline's has ended, however that came about, before anything else is written.

    With all of its group: what it has started itself would go on writing too.
    """
    while os.getppid() == parent:
        time.sleep(_WATCH_S)
    os.killpg(0, signal.SIGKILL)
