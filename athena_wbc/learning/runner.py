"""The training loop: collect, learn, log, save; stopped and resumed at any iteration with the same result."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rsl_rl.env import VecEnv
from tensordict import TensorDict

from athena_wbc import __version__
from athena_wbc.learning.algorithm import build_algorithm
from athena_wbc.learning.checkpoint import (
    FOLDER,
    VERSION,
    action_interface,
    check_compatible,
    mark_best,
    plain_schema,
    prune_checkpoints,
    save_checkpoint,
)
from athena_wbc.learning.config import PPOConfig
from athena_wbc.learning.logger import RunLogger, hardest_clips_table, memory_figures
from athena_wbc.learning.processes import Processes
from athena_wbc.learning.rng import rng_state, set_rng_state
from athena_wbc.learning.teachers import RoutedTeachers

_POLICY_FIGURES = ("entropy", "action_std", "clip_fraction", "actor_scale")


@dataclass(frozen=True)
class TrainingResult:
    """How a training ended."""

    iteration: int
    """Iterations done, those before a resume included."""
    checkpoint: Path | None
    """The last checkpoint; ``None`` where the run writes no files."""
    interrupted: bool
    """Whether a signal ended it before its last iteration; the command then exits with code 130."""
    seconds: float
    """Wall-clock time of this call."""
    collection_s: float
    """Part of it spent on acting and simulating."""
    learning_s: float
    """Part of it spent on returns and updates."""
    figures: dict[str, float]
    """Figures of the last iteration."""


class TrainingRunner:
    """Trains a policy in an environment and keeps everything that an exact continuation needs.

    Args:
        env: the environment. Optional methods: ``pop_log()`` for figures of the episodes that ended,
            ``state_dict()`` and ``load_state_dict()``; without these two, episodes restart on resume.
        config: algorithm, networks, logging and checkpoints.
        run_dir: folder for checkpoints and event files; ``None`` writes nothing.
        record: what else checkpoints hold: ``config`` (the resolved configuration) and ``run``.
        device: of the networks.
        processes: place among several training processes.
        console: where progress goes.
        quiet: show no progress.
        teachers: whom a distillation learns from.
    """

    def __init__(
        self,
        env: VecEnv,
        config: PPOConfig,
        run_dir: Path | None,
        record: Mapping[str, Any],
        device: str = "cpu",
        processes: Processes | None = None,
        console: Console | None = None,
        quiet: bool = False,
        teachers: RoutedTeachers | None = None,
    ) -> None:
        self.env, self.config, self.device = env, config, device
        self.run_dir = run_dir
        self.processes = processes or Processes()
        self.algorithm = build_algorithm(env, config, device, self.processes.rsl_rl(), teachers)
        self.algorithm.train_mode()
        if self.processes.is_many:
            self.algorithm.broadcast_parameters()
        self.iteration = 0
        """Iterations done."""
        self.progress = 0.0
        """Share of the training, in [0, 1], that curricula go by; see :meth:`learn`. It never falls."""
        self.best = -float("inf")
        """Largest mean of ``best_metric`` between two saves so far."""
        self.checkpoint: Path | None = None
        """The last checkpoint that was written or read."""
        self._record = dict(record)
        self._console, self._quiet = console, quiet or not self.processes.is_main
        self._observations: TensorDict = env.get_observations().to(device)
        self._stop = False

    def learn(self, max_iterations: int, max_seconds: float | None = None) -> TrainingResult:
        """Train until ``max_iterations`` iterations are done in all, or this call has taken ``max_seconds``.

        SIGINT and SIGTERM stop it too: at the end of the iteration under way, after a checkpoint was saved; a
        second signal stops at once.

        Before every iteration the task is told its progress, where it has a method ``set_progress``: the share
        of ``max_iterations`` that will be done when the iteration ends. With ``max_seconds``, what an earlier
        call has left of the training is spread over this call's time, and the larger of the two shares counts.
        """
        began = time.perf_counter()
        before = self.progress
        times = {"collection": 0.0, "learning": 0.0}
        figures: dict[str, float] = {}
        judged: list[float] = []
        folder = self.run_dir if self.processes.is_main else None
        logger = RunLogger(
            self.config.logging, folder, max_iterations, self.iteration, max_seconds, self._console, self._quiet
        )
        try:
            with self._stop_on_signals():
                if self.iteration == 0:
                    self.save([])
                last = self.iteration >= max_iterations
                if last and self.iteration > 0:
                    logger.say(f"{self.iteration} iterations are done already, {max_iterations} were asked for")
                while not last and not self._stop:
                    self._tell_progress(before, max_iterations, max_seconds, time.perf_counter() - began)
                    spent, losses = self._iterate()
                    for phase, seconds in spent.items():
                        times[phase] += seconds
                    figures = self._figures(spent, losses)
                    judged += self._judged(figures)
                    late = max_seconds is not None and time.perf_counter() - began >= max_seconds
                    last = self.processes.any(late) or self.iteration >= max_iterations
                    self._stop = self.processes.any(self._stop)
                    if last or self._stop or self.iteration % self.config.save_interval == 0:
                        self.save(judged)
                        judged.clear()
                    self._log(logger, figures, last or self._stop)
        finally:
            logger.close()
        interrupted = self._stop and not last
        if self.checkpoint is not None:
            how = f"stopped after iteration {self.iteration}, go on with --resume" if interrupted else "trained"
            logger.say(f"{how}; checkpoint: {self.checkpoint}")
        seconds = time.perf_counter() - began
        return TrainingResult(
            self.iteration, self.checkpoint, interrupted, seconds, times["collection"], times["learning"], figures
        )

    def _tell_progress(self, before: float, max_iterations: int, max_seconds: float | None, elapsed: float) -> None:
        """Set ``progress`` for the coming iteration and hand it to the task; all processes agree in it."""
        share = (self.iteration + 1) / max_iterations
        if max_seconds is not None:
            # Clocks differ between processes: the main one's counts.
            passed = self.processes.gather(elapsed)[0] / max_seconds if max_seconds > 0.0 else 1.0
            share = max(share, before + (1.0 - before) * passed)
        self.progress = max(self.progress, min(share, 1.0))
        set_progress = getattr(getattr(self.env, "task", None), "set_progress", None)
        if set_progress is not None:
            set_progress(self.progress)

    def _iterate(self) -> tuple[dict[str, float], dict[str, float]]:
        """Collect one rollout and learn from it; returns seconds of each phase and the update's figures."""
        algorithm = self.algorithm
        algorithm.set_iteration(self.iteration)
        start = time.perf_counter()
        observations = self._observations
        with torch.no_grad():
            for _ in range(self.config.num_steps_per_env):
                actions = algorithm.act(observations)
                observations, rewards, dones, extras = self.env.step(actions.to(self.env.device))
                observations = observations.to(self.device)
                algorithm.process_env_step(observations, rewards.to(self.device), dones.to(self.device), extras)
            collected = time.perf_counter()
            algorithm.compute_returns(observations)
        self._observations = observations
        losses = algorithm.update()
        sampler = getattr(getattr(self.env, "task", None), "sampler", None)
        if self.processes.is_many and sampler is not None:
            sampler.synchronise()
        self.iteration += 1
        return {"collection": collected - start, "learning": time.perf_counter() - collected}, losses

    def _figures(self, spent: Mapping[str, float], losses: Mapping[str, float]) -> dict[str, float]:
        """Name everything that is logged about the iteration that has just ended."""
        samples = self.env.num_envs * self.config.num_steps_per_env * self.processes.world_size
        figures = dict(self.env.pop_log()) if hasattr(self.env, "pop_log") else {}
        for name, value in losses.items():
            prefix = "" if "/" in name else "policy/" if name in _POLICY_FIGURES else "loss/"
            figures[f"{prefix}{name}"] = value
        sampler = getattr(getattr(self.env, "task", None), "sampler", None)
        if sampler is not None:
            figures["sampler/entropy"] = float(sampler.entropy())
            figures["sampler/hardest"] = float(sampler.clip_difficulty().max())
        figures["throughput/samples_per_s"] = samples / sum(spent.values())
        for phase, seconds in spent.items():
            figures[f"throughput/{phase}_s"] = seconds
        return figures | memory_figures(self.device)

    def _log(self, logger: RunLogger, figures: Mapping[str, float], last: bool) -> None:
        logger.record(self.iteration, figures)
        config = self.config.logging
        if last or self.iteration % config.text_interval == 0:
            table = hardest_clips_table(getattr(self.env, "task", None), config.hardest_clips)
            if table is not None:
                logger.text("sampler/hardest_clips", table, self.iteration)

    def _judged(self, figures: Mapping[str, float]) -> list[float]:
        """Return the iteration's ``best_metric``; nothing where no episode ended, or gravity was reduced."""
        value = figures.get(self.config.best_metric)
        if value is None or figures.get("curriculum/gravity", 1.0) < 1.0:
            return []
        return [value]

    def save(self, judged: Sequence[float]) -> None:
        """Write a checkpoint, drop old ones, and mark the best.

        Args:
            judged: ``best_metric`` of the iterations since the save before, whose mean decides; a single iteration
                ends so few episodes that the luckiest would be the best.
        """
        others = self.processes.gather(self._own_state())
        if self.run_dir is None or not self.processes.is_main:
            return
        value = sum(judged) / len(judged) if judged else -float("inf")
        is_best = value > self.best
        self.best = max(self.best, value)
        path = self.run_dir / FOLDER / f"model_{self.iteration}.pt"
        save_checkpoint(path, self._contents(others))
        if is_best:
            mark_best(path)
        prune_checkpoints(self.run_dir, self.config.keep_checkpoints)
        self.checkpoint = path

    def _own_state(self) -> dict[str, Any]:
        """Return what differs between processes."""
        return {
            "environment": self.env.state_dict() if hasattr(self.env, "state_dict") else None,
            "rng": rng_state(),
            "observations": dict(self._observations.items()),
        }

    def _contents(self, states: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "version": VERSION,
            "library": __version__,
            "iteration": self.iteration,
            "best": self.best,
            "progress": self.progress,
            "robot": {"name": self.env.embodiment.name, "hash": self.env.embodiment.hash},
            "schema": plain_schema(self.env.task.observation_schema()),
            "action": action_interface(self.env.cfg),
            **self._record,
            "algorithm": self.algorithm.save(),
            **states[0],
            "other_processes": states[1:],
        }

    def resume(self, contents: Mapping[str, Any], source: str) -> bool:
        """Go on from a checkpoint's contents.

        Returns:
            Whether the continuation is exact; ``False`` where this environment cannot take its state back, or
            the number of processes has changed: episodes then restart.

        Raises:
            AthenaError: the checkpoint was made for another robot, other actions or other observations.
        """
        check_compatible(contents, self.env, source)
        self.algorithm.load(contents["algorithm"])
        self.algorithm.clamp_learning_rate()
        self.iteration, self.best = contents["iteration"], contents["best"]
        self.progress = contents.get("progress", 0.0)
        self.checkpoint = Path(source)
        states = [contents, *contents["other_processes"]]
        state = states[self.processes.rank] if len(states) == self.processes.world_size else None
        saved = None if state is None else state["environment"]
        if saved is None or not hasattr(self.env, "load_state_dict") or saved.get("simulator") is not None:
            self._load_progress(contents["environment"])
            return False
        self.env.load_state_dict(state["environment"])
        self._observations = TensorDict(dict(state["observations"]), batch_size=[self.env.num_envs], device=self.device)
        # Last, since building and loading draw random numbers too.
        set_rng_state(state["rng"])
        return True

    def _load_progress(self, saved: Mapping[str, Any] | None) -> None:
        """Take over what is learnt of the motions where the simulation itself cannot go on."""
        load = getattr(getattr(self.env, "task", None), "load_progress", None)
        if load is not None and saved is not None:
            load(saved["task"])

    @contextlib.contextmanager
    def _stop_on_signals(self) -> Iterator[None]:
        """Let the first SIGINT or SIGTERM ask for a stop; the second acts as it did before."""
        self._stop = False
        previous: dict[int, Any] = {}

        def restore() -> None:
            while previous:
                number, handler = previous.popitem()
                signal.signal(number, handler)

        def ask(number: int, frame: Any) -> None:
            self._stop = True
            restore()

        # Only a program's main thread may set handlers.
        with contextlib.suppress(ValueError):
            for number in (signal.SIGINT, signal.SIGTERM):
                previous[number] = signal.signal(number, ask)
        try:
            yield
        finally:
            restore()
