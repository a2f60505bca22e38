"""Which stage runs when: everything that is ready, side by side, until nothing is left or something stops it."""

from __future__ import annotations

import contextlib
import multiprocessing.connection
import os
import signal
import time
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from athena_wbc.errors import AthenaError
from athena_wbc.pipeline.graph import TRAIN, Stage
from athena_wbc.pipeline.manifest import DONE, FAILED, PENDING, RUNNING, output_hashes
from athena_wbc.pipeline.show import Screen
from athena_wbc.pipeline.work import RunStage, Work
from athena_wbc.pipeline.worker import Worker

_TICK_S = 0.5


class Schedule:
    """Runs the stages of one or several works, such as pipelines.

    Args:
        run_stage: does a stage.
        plans: the works; their stages are independent of each other.
        wanted: names of the stages that may run; None for all.
        jobs: stages side by side.
        device: torch device.
        screen: where it is told.
    """

    def __init__(
        self,
        run_stage: RunStage,
        plans: Sequence[Work],
        wanted: Collection[str] | None,
        jobs: int,
        device: str,
        screen: Screen,
    ) -> None:
        self._run_stage = run_stage
        self._plans, self._wanted, self._jobs = plans, wanted, jobs
        self._device, self._screen = device, screen
        self._running: list[Worker] = []
        self._over: set[tuple[Path, str]] = set()
        self._signals = 0

    def run(self) -> bool:
        """Run until nothing is left.

        Returns:
            Whether a signal stopped it.

        Raises:
            AthenaError: a stage met a user's mistake; the others were asked to stop, and go on with ``--resume``.
        """
        try:
            with self._signals_counted():
                self._start_what_is_ready()
                while self._running:
                    if self._wait():
                        self._start_what_is_ready()
                return self._signals > 0
        except BaseException:
            self._stop_all()
            raise

    def _start_what_is_ready(self) -> None:
        # What is skipped or still holds makes others ready, so one look is not enough.
        moved = True
        while moved:
            moved = False
            for plan in self._plans:
                for stage in plan.graph.values():
                    if self._signals or len(self._running) >= self._jobs:
                        return
                    if self._is_ready(plan, stage):
                        moved |= self._settle_or_start(plan, stage)

    def _is_ready(self, plan: Work, stage: Stage) -> bool:
        if self._wanted is not None and stage.name not in self._wanted:
            return False
        if (plan.folder, stage.name) in self._over or self._is_running(plan, stage):
            return False
        return all((plan.folder, need) in self._over for need in stage.needs)

    def _is_running(self, plan: Work, stage: Stage) -> bool:
        return any(worker.plan is plan and worker.stage is stage for worker in self._running)

    def _settle_or_start(self, plan: Work, stage: Stage) -> bool:
        """Skip a stage, find that it still holds, or start it; returns whether it is over."""
        reason = plan.why_skip(stage)
        if reason is not None:
            plan.skip(stage, reason)
            self._screen.skipped(plan, stage, reason)
            self._over.add((plan.folder, stage.name))
            return True
        settings = plan.settings(stage)
        inputs = plan.inputs(stage, settings)
        why = plan.why_run(stage, inputs, settings)
        if why is None:
            self._screen.held(plan, stage)
            self._over.add((plan.folder, stage.name))
            return True
        self._start(plan, stage, why, inputs, settings)
        return False

    def _start(self, plan: Work, stage: Stage, why: str, inputs: dict[str, str], settings: dict[str, Any]) -> None:
        entry = plan.manifest.stages.get(stage.name, {})
        # A training, say, goes on where it was stopped, or from an older checkpoint where the last one was lost.
        resume = plan.goes_on(stage) and entry.get("inputs") == inputs
        if resume:
            plan.remove_damaged(stage)
        else:
            # Before the new inputs are on record: killed in between, what lies there would pass for theirs.
            plan.clear(stage)
        spent = entry.get("seconds", 0.0) if resume else 0.0
        plan.manifest.forget(stage.name)
        plan.manifest.note(
            stage.name,
            kind=stage.kind,
            policy=stage.policy or None,
            needs=list(stage.needs),
            status=RUNNING,
            why=why,
            inputs=inputs,
            settings=settings,
            seconds=spent,
            started=_now(),
        )
        self._screen.started(plan, stage, why, resume)
        worker = Worker(self._run_stage, plan, stage, self._device, resume, self._cores(stage))
        self._running.append(worker)
        if self._signals:  # that came while it was being started
            worker.stop()

    def _cores(self, stage: Stage) -> list[int]:
        """The cores for one more stage: all of them, but a share of its own for a training beside another one.

        Only trainings are reckoned with: a share is kept for life, and all other stages are over long before.
        """
        if not hasattr(os, "sched_getaffinity"):
            return list(range(os.cpu_count() or 1))
        cores = sorted(os.sched_getaffinity(0))
        trainings = [worker for worker in self._running if worker.stage.kind == TRAIN]
        ready = [other for plan in self._plans for other in plan.graph.values() if self._is_ready(plan, other)]
        places = min(self._jobs, len(trainings) + sum(other.kind == TRAIN for other in ready), len(cores))
        if places <= 1 or stage.kind != TRAIN:
            return cores
        shares = [cores[place::places] for place in range(places)]
        return min(shares, key=lambda share: sum(bool(worker.cores & set(share)) for worker in trainings))

    def _wait(self) -> bool:
        """Wait for a stage to end, a moment at most; returns whether one did."""
        connections = {worker.connection: worker for worker in self._running}
        ended = multiprocessing.connection.wait(list(connections), timeout=_TICK_S)
        for connection in ended:
            self._finish(connections[connection])
        self._screen.refresh(self._running)
        return bool(ended)

    def _finish(self, worker: Worker) -> None:
        plan, stage = worker.plan, worker.stage
        self._running.remove(worker)
        seconds = plan.manifest.stages[stage.name]["seconds"] + worker.seconds
        try:
            outcome = worker.result()
        except (AthenaError, RuntimeError) as error:
            plan.manifest.note(stage.name, status=FAILED, seconds=seconds, error=str(error).splitlines()[0])
            self._screen.failed(plan, stage)
            raise
        if outcome.interrupted:
            # Its inputs stay on record: the next run sees from them whether it may go on.
            plan.manifest.note(stage.name, status=PENDING, seconds=seconds)
            self._screen.stopped(plan, stage)
            return
        outputs = output_hashes(plan.folder, outcome.outputs)
        plan.manifest.note(stage.name, status=DONE, seconds=seconds, finished=_now(), outputs=outputs, **outcome.facts)
        self._over.add((plan.folder, stage.name))
        self._screen.finished(plan, stage, seconds)

    def _stop_all(self) -> None:
        """Ask what runs to stop, and note how far it came."""
        for worker in self._running:
            worker.stop()
        for worker in list(self._running):
            with contextlib.suppress(AthenaError, RuntimeError):
                self._finish(worker)

    @contextlib.contextmanager
    def _signals_counted(self) -> Iterator[None]:
        """The first SIGINT or SIGTERM asks the stages to stop where they can go on, the second ends them."""

        def count(number: int, frame: Any) -> None:
            self._signals += 1
            for worker in self._running:
                worker.stop() if self._signals == 1 else worker.kill()

        previous = {}
        # Only a program's main thread may set handlers.
        with contextlib.suppress(ValueError):
            for number in (signal.SIGINT, signal.SIGTERM):
                previous[number] = signal.signal(number, count)
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
