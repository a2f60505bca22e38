"""The table that a user sees when an evaluation is over."""

from __future__ import annotations

import math
from typing import Any

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from athena_wbc.evaluation.results import Results

MOST_ROWS = 40
"""Clips that the table shows, hardest first; clips.csv holds all."""


def clip_table(results: Results, summary: dict[str, Any]) -> Table:
    """The hardest clips, and the corpus as the last row.

    Args:
        results: of the evaluation.
        summary: what ``metrics.json`` holds.
    """
    headings = ("clip", "label", "s", "SR %", "TIS", "worst s*", "failed by", "at s", "MPJPE", "W", "world", "drift m")
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(heading, justify="left" if heading in ("clip", "label", "failed by") else "right")
    success, tis = results.success_by_clip(), results.tis_by_clip()
    worst = results.of("critical_scale").max(axis=1)
    columns = ("MPJPE_mm", "MPJPE_W_mm", "MPJPE_world_mm", "final_drift_m")
    values = {name: results.by_clip(name) for name in columns}
    for clip in results.hardest_first()[:MOST_ROWS]:
        failure, time = results.first_failure(clip)
        style = "green" if success[clip] == 1.0 else "red" if success[clip] == 0.0 else "yellow"
        table.add_row(
            results.names[clip],
            results.labels[clip],
            f"{results.durations[clip]:.1f}",
            Text(f"{100.0 * success[clip]:.0f}", style=style),
            f"{tis[clip]:.3f}",
            _cell(worst[clip], 2),
            failure,
            _cell(time, 2),
            *(_cell(values[name][clip], 2 if name.endswith("_m") else 1) for name in columns),
        )
    hidden = len(results.names) - MOST_ROWS
    table.add_section()
    table.add_row(
        f"all {len(results.names)} clips" + (f" ({hidden} easier ones not shown)" if hidden > 0 else ""),
        "",
        f"{results.durations.sum():.1f}",
        f"{100.0 * summary['SR']:.1f}",
        f"{summary['TIS']:.3f}",
        "",
        "",
        "",
        *(_cell(summary[name], 2 if name.endswith("_m") else 1) for name in columns),
        style="bold",
    )
    return table


def print_report(results: Results, summary: dict[str, Any], out: str, console: Console) -> None:
    """Print the table, the smoothness of the actions, and where the report lies."""
    randomised = summary["randomisation"] or "no randomisation"
    heading = (
        f"protocol {summary['protocol']} ({summary['frame']} frame), rollouts of a clip: {summary['rollouts']}, "
        f"{randomised}, seed {summary['seed']}; MPJPE in mm"
    )
    smoothness = (
        f"action rate {_cell(summary['action_rate'], 4)}   action jerk {_cell(summary['action_jerk'], 4)}   "
        f"high-frequency ratio {_cell(summary['high_frequency_ratio'], 4)}"
    )
    others = "   ".join(
        f"{rule} {100.0 * rates['SR']:.1f}" for rule, rates in summary["by_rule"].items() if rule != summary["protocol"]
    )
    lines = [Text(heading, style="dim"), clip_table(results, summary), Text(smoothness)]
    lines.append(Text(f"SR % of the same rollouts under other rules: {others}", style="dim"))
    failed = summary["clips_failed"]
    again = f"; the {failed} that failed again: --motions {out}/failed.json" if failed else ""
    lines.append(Text(f"report in {out}{again}", style="dim"))
    console.print(Group(*lines), soft_wrap=True)


def _cell(value: float | None, digits: int) -> str:
    if value is None or math.isnan(value):
        return ""
    return "inf" if math.isinf(value) else f"{value:.{digits}f}"
