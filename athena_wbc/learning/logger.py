"""What a run tells: figures to TensorBoard or Weights & Biases, progress to a terminal or as lines."""

from __future__ import annotations

import importlib.util
import resource
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from athena_wbc.errors import AthenaError
from athena_wbc.learning.config import LoggingConfig

_SHOWN = {
    "reward": "reward/total",
    "steps": "episode/length",
    "samples/s": "throughput/samples_per_s",
    "kl": "loss/kl",
    "distillation": "loss/distillation",
}


class RunLogger:
    """Writes the figures of every iteration, and shows how far the run is.

    Args:
        config: what to write and how often.
        run_dir: folder of the event files; ``None`` writes none.
        total: iterations at which the run will be complete.
        start: iterations that are already done; later events of an interrupted run are hidden.
        max_seconds: wall-clock time after which the run ends too, if that is sooner.
        console: where progress goes; a terminal gets a bar, anything else lines.
        quiet: show no progress.
    """

    def __init__(
        self,
        config: LoggingConfig,
        run_dir: Path | None,
        total: int,
        start: int = 0,
        max_seconds: float | None = None,
        console: Console | None = None,
        quiet: bool = False,
    ) -> None:
        self._config = config
        self._writer = None if run_dir is None else _open_writer(config, run_dir, start)
        self._console = console or Console(highlight=False)
        self._quiet = quiet
        self._total, self._start, self._max_seconds = total, start, max_seconds
        self._latest: dict[str, float] = {}
        self._began = time.monotonic()
        self._printed = -float("inf")
        self._progress: Progress | None = None
        if self._console.is_terminal and not quiet:
            self._progress = Progress(
                TextColumn("training"),
                BarColumn(),
                TextColumn("iteration {task.fields[iteration]}: {task.fields[figures]}"),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
                console=self._console,
            )
            self._bar = self._progress.add_task("training", total=1.0, iteration=start, figures="")
            self._progress.start()

    def record(self, iteration: int, figures: Mapping[str, float]) -> None:
        """Take the figures of the iteration that ended as number ``iteration``, counted from one."""
        if self._writer is not None:
            for name, value in figures.items():
                self._writer.add_scalar(name, value, iteration)
        self._latest.update(figures)
        shown = ", ".join(f"{label} {self._latest[key]:.4g}" for label, key in _SHOWN.items() if key in self._latest)
        now = time.monotonic()
        share, left = self._share(iteration, now - self._began)
        if self._progress is not None:
            self._progress.update(self._bar, completed=share, iteration=iteration, figures=shown)
        elif not self._quiet and (now - self._printed >= self._config.print_interval or share >= 1.0):
            self._printed = now
            self._console.print(f"iteration {iteration}: {shown}, {share:.0%}, about {left:.0f} s left", soft_wrap=True)

    def _share(self, iteration: int, elapsed: float) -> tuple[float, float]:
        """Return how much of the run is done, in [0, 1], and the seconds that are left."""
        done = iteration - self._start
        share, left = iteration / self._total, elapsed / max(1, done) * (self._total - iteration)
        if self._max_seconds is not None and self._max_seconds - elapsed < left:
            left = max(0.0, self._max_seconds - elapsed)
            share = elapsed / (elapsed + left)
        return share, left

    def text(self, name: str, text: str, iteration: int) -> None:
        """Write a text (Markdown) to the event file."""
        if self._writer is not None:
            self._writer.add_text(name, text, iteration)

    def say(self, text: str) -> None:
        """Print one line, above the bar where there is one."""
        if not self._quiet:
            self._console.print(text, soft_wrap=True)

    def close(self) -> None:
        """Stop the display and flush the event file."""
        if self._progress is not None:
            self._progress.stop()
        if self._writer is not None:
            self._writer.close()


def _open_writer(config: LoggingConfig, run_dir: Path, start: int) -> Any:
    if config.writer == "none":
        return None
    if config.writer == "wandb":
        if importlib.util.find_spec("wandb") is None:
            raise AthenaError("ppo.logging.writer: 'wandb' needs a package: pip install wandb, or take tensorboard")
        from rsl_rl.utils.wandb_log_writer import WandbLogWriter

        return WandbLogWriter(str(run_dir), project_name=config.project)
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(run_dir), purge_step=start + 1 if start else None, flush_secs=10)


def memory_figures(device: str | torch.device) -> dict[str, float]:
    """Return the largest memory of the process so far, GB, and of the GPU where one is used."""
    figures = {"memory/process_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6}
    if torch.device(device).type == "cuda":
        figures["memory/gpu_gb"] = torch.cuda.max_memory_allocated(device) / 1e9
    return figures


def hardest_clips_table(task: Any, count: int) -> str | None:
    """Return a Markdown table of the clips with the largest difficulty, ``None`` without a sampler."""
    sampler = getattr(task, "sampler", None)
    if sampler is None:
        return None
    difficulty, probability = sampler.clip_difficulty().cpu(), sampler.probabilities().cpu()
    order = difficulty.argsort(descending=True)[:count].tolist()
    rows = [f"| {task.library.names[i]} | {difficulty[i]:.3f} | {probability[i]:.4f} |" for i in order]
    return "\n".join(["| clip | difficulty | probability |", "|---|---:|---:|", *rows])
