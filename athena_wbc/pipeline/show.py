"""What a pipeline shows on the terminal: a line a stage, what runs now, and the table at the end."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from athena_wbc.pipeline.graph import EVALUATE, TRAIN, Stage
from athena_wbc.pipeline.plan import Plan
from athena_wbc.pipeline.work import Work

if TYPE_CHECKING:
    from athena_wbc.pipeline.worker import Worker

COLUMNS = {"SR": "SR %", "TIS": "TIS", "MPJPE_mm": "MPJPE mm", "MPJPE_W_mm": "MPJPE-W mm"}


class Screen:
    """Tells what happens to the stages.

    Args:
        console: where to.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self._live: Live | None = None

    def started(self, plan: Work, stage: Stage, why: str, resume: bool) -> None:
        """A stage begins."""
        kept = "goes on from its last checkpoint" if stage.kind == TRAIN else "keeps what it has finished"
        goes_on = f", {kept}" if resume else ""
        self._say(plan, stage, f"starts ({why}{goes_on})")

    def finished(self, plan: Work, stage: Stage, seconds: float) -> None:
        """A stage is done."""
        told = plan.manifest.stages[stage.name].get("told")
        self._say(plan, stage, f"done in {duration(seconds)}{f': {told}' if told else ''}")

    def held(self, plan: Work, stage: Stage) -> None:
        """A stage was done before, and nothing that it depends on has changed."""
        self._say(plan, stage, "is done already", style="dim")

    def skipped(self, plan: Work, stage: Stage, reason: str) -> None:
        """A stage has nothing to work on."""
        self._say(plan, stage, f"skipped: {reason}")

    def stopped(self, plan: Work, stage: Stage) -> None:
        """A signal stopped a stage."""
        self._say(plan, stage, "stopped")

    def failed(self, plan: Work, stage: Stage) -> None:
        """A stage met an error, which is told elsewhere."""
        self._say(plan, stage, "failed", style="red")

    def refresh(self, running: Sequence[Worker]) -> None:
        """On a terminal, show what runs now and the last line of its log."""
        if not self.console.is_terminal:
            return
        # Without a thread of its own: the stages are forked from this process.
        if self._live is None:
            self._live = Live(
                console=self.console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False
            )
            self._live.start()
        lines = [
            f"{worker.plan.label}{worker.stage.name} {duration(worker.seconds)}  {worker.last_line()}"
            for worker in running
        ]
        self._live.update(Text("\n".join(lines), style="dim", no_wrap=True, overflow="ellipsis"), refresh=True)

    def close(self) -> None:
        """Take away what :meth:`refresh` shows."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _say(self, plan: Work, stage: Stage, text: str, style: str = "") -> None:
        line = Text(f"{time.strftime('%H:%M:%S')}  {plan.label}{stage.name:<24} {text}", style=style)
        self.console.print(line, soft_wrap=True)


def duration(seconds: float) -> str:
    """``75.2`` as ``1:15``."""
    whole = round(seconds)
    return (
        f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"
        if whole >= 3600
        else f"{whole // 60}:{whole % 60:02d}"
    )


def results_table(plans: Sequence[Plan]) -> Table:
    """Every policy on every set; means, with the standard deviation over seeds, where there are several pipelines."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("set", "policy", "clips", *COLUMNS.values()):
        table.add_column(heading, justify="left" if heading in ("set", "policy") else "right")
    config = plans[0].config
    for name in config.evaluation.sets:
        rows = [(policy, _rows(plans, policy, name)) for policy in config.policies]
        rows = [(policy, found) for policy, found in rows if found]
        for index, (policy, found) in enumerate(rows):
            clips = sorted({row["clips"] for row in found})
            cells = [_cell([row[key] for row in found], 100.0 if key == "SR" else 1.0) for key in COLUMNS]
            table.add_row(
                name if index == 0 else "", policy, "-".join(str(n) for n in clips[:: max(1, len(clips) - 1)]), *cells
            )
        if rows:
            table.add_section()
    return table


def _rows(plans: Sequence[Plan], policy: str, name: str) -> list[Mapping[str, Any]]:
    entries = [plan.manifest.stages.get(f"{EVALUATE}.{policy}", {}) for plan in plans]
    return [entry["sets"][name] for entry in entries if name in entry.get("sets", {})]


def _cell(values: Sequence[float | None], factor: float) -> str:
    known = [factor * value for value in values if value is not None]
    if not known:
        return ""
    digits = 1 if max(known) >= 10.0 or factor > 1.0 else 3
    mean = f"{statistics.fmean(known):.{digits}f}"
    return f"{mean} ± {statistics.stdev(known):.{digits}f}" if len(known) > 1 else mean
