"""Several runs side by side: schedulers and ablations over seeds, with intervals."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console, Group
from rich.text import Text

from athena_wbc import __version__
from athena_wbc.errors import AthenaError
from athena_wbc.files import write_json, write_text
from athena_wbc.pipeline import page
from athena_wbc.pipeline.figures import Line, to_svg
from athena_wbc.pipeline.page import Section
from athena_wbc.pipeline.statistics import Interval, t_interval
from athena_wbc.pipeline.tabular import Block, Cell, Table, shown, to_html, to_markdown, to_rich
from athena_wbc.synthesis.report import figures
from athena_wbc.synthesis.report.findings import RunFindings, is_run, read_run
from athena_wbc.synthesis.report.grouping import fixed_hash, group_runs

HTML, JSON, MARKDOWN = "comparison.html", "comparison.json", "comparison.md"


@dataclass(frozen=True)
class Value:
    """What is compared of a run."""

    key: str
    title: str
    of: Callable[[RunFindings], float | None]
    digits: int
    factor: float = 1.0


def _last(run: RunFindings, key: str) -> float | None:
    return _latest(run, key)[-1] if _latest(run, key) else None


def _latest(run: RunFindings, key: str) -> list[float]:
    return [loop.figures[key] for loop in run.loops if loop.figures[key] is not None]


def _rise(run: RunFindings, key: str) -> float | None:
    values = _latest(run, key)
    return values[-1] - values[0] if len(values) > 1 else None


def _heldout(run: RunFindings, key: str) -> float | None:
    heldout = run.loops[-1].figures["heldout"] if run.loops else None
    return None if heldout is None else heldout[key]


VALUES = (
    Value("difficulty_rise", "rise of difficulty (1 − TIS, fixed tracker)", lambda run: _rise(run, "difficulty"), 3),
    Value("speed_rise", "rise of mean speed, m/s", lambda run: _rise(run, "mean_speed"), 3),
    Value("judge_rise", "rise of judged difficulty", lambda run: _rise(run, "judge_difficulty"), 2),
    Value(
        "fixed_success_rise", "rise of the fixed tracker's success, points",
        lambda run: _rise(run, "fixed_tracker_success"), 1, 100.0,
    ),
    Value("difficulty", "difficulty of the last loop", lambda run: _last(run, "difficulty"), 3),
    Value("heldout_TIS", "TIS of the last tracker on the held-out clips", lambda run: _heldout(run, "TIS"), 3),
    Value("heldout_SR", "its success there, %", lambda run: _heldout(run, "SR"), 1, 100.0),
    Value("heldout_error", "its g-MPJPE there, mm", lambda run: _heldout(run, "g_MPJPE_mm"), 0),
    Value("clips", "clips kept", lambda run: float(sum(loop.figures["kept"] for loop in run.loops)), 0),
)  # fmt: skip
"""What the table holds. A rise is the last loop minus the first that has clips of its own."""


@dataclass
class RunGroup:
    """Runs that differ in their seed alone."""

    name: str
    runs: list[RunFindings] = field(default_factory=list)

    def values(self, value: Value) -> list[float]:
        """Of the runs that have it."""
        found = [value.of(run) for run in self.runs]
        return [value.factor * each for each in found if each is not None and math.isfinite(each)]

    def interval(self, value: Value) -> Interval | None:
        """Student's interval over the seeds."""
        return t_interval(self.values(value))


@dataclass(frozen=True)
class Comparison:
    """Runs by group, and where their comparison was written to."""

    groups: list[RunGroup]
    table: Table
    differences: Table
    notes: list[str]
    out: Path | None


def find_runs(places: Sequence[Path]) -> list[Path]:
    """The runs of folders: each is a run, or holds some, at most two folders down (such as ``rule/seed_0``).

    Raises:
        AthenaError: a folder that is not there, or without a run in it.
    """
    found: list[Path] = []
    for place in places:
        if not place.is_dir():
            raise AthenaError(f"{place}: no such folder; name what athena synthesize wrote to")
        candidates = [place, *sorted(place.glob("*/")), *sorted(place.glob("*/*/"))]
        runs = [folder for folder in candidates if (folder / "manifest.json").is_file() and is_run(folder)]
        if not runs:
            raise AthenaError(f"{place}: holds no run of athena synthesize; name its --out")
        found += runs[:1] if runs[0] == place else runs
    return list(dict.fromkeys(path.resolve() for path in found))


def compare_runs(places: Sequence[Path], out: Path | None = None) -> Comparison:
    """Read runs and put them side by side: those that differ in their seed alone are one group."""
    runs = [read_run(path, with_motions=False) for path in find_runs(places)]
    notes = [f"{run.folder}: {note}" for run in runs for note in run.notes]
    runs = [run for run in runs if run.loops]
    if not runs:
        raise AthenaError(f"{places[0]}: no run has finished a loop; go on with athena synthesize --resume")
    named, doubled = group_runs(runs)
    groups = [RunGroup(name, members) for name, members in named.items()]
    compared = [run for group in groups for run in group.runs]
    return Comparison(groups, _table(groups), _differences(groups), [*_unequal(compared), *doubled, *notes], out)


def write_comparison(places: Sequence[Path], out: Path | None) -> Comparison:
    """Compare runs, and write comparison.html, .json and .md into a folder.

    Args:
        places: folders of runs, or folders that hold some.
        out: where to; None writes nothing.

    Raises:
        AthenaError: a folder without a run.
    """
    comparison = compare_runs(places, None if out is None else Path(out))
    if comparison.out is None:
        return comparison
    home = comparison.out
    write_json(home / JSON, _record(comparison))
    write_text(home / MARKDOWN, f"{to_markdown(comparison.table)}\n{to_markdown(comparison.differences)}")
    sections = [
        Section(
            "table",
            "Runs",
            to_html(comparison.table, "differences") + page.paragraph(_METHOD, "dim") + _points(comparison),
        ),
        Section("differences", "Differences", _paired(comparison)),
        Section("loops", "Over the loops", _curves(comparison)),
        Section("all", "Every run", to_html(_all_runs(comparison))),
    ]
    head = page.bullets("To be read with care", comparison.notes, "notes")
    footer = page.paragraph(f"Written by athena_wbc {__version__} with athena synthesize compare.", "dim")
    title = f"{sum(len(group.runs) for group in comparison.groups)} runs of motion synthesis"
    write_text(home / HTML, page.document(title, head, sections, footer))
    return comparison


def print_comparison(comparison: Comparison, console: Console) -> None:
    """Print the tables and where the report is."""
    lines: list[Any] = [to_rich(comparison.table)]
    if not comparison.differences.empty:
        lines.append(to_rich(comparison.differences))
    lines += [Text(f"note: {note}", style="dim") for note in comparison.notes]
    if comparison.out is not None:
        lines.append(Text(f"report: {comparison.out / HTML}"))
    console.print(Group(*lines), soft_wrap=True)


_METHOD = (
    "Means over seeds; [ ]: Student's 95 % interval. A rise is the last loop's value minus the first's. With three "
    "seeds the intervals are wide, rightly; one seed has none."
)


def _table(groups: Sequence[RunGroup]) -> Table:
    rows = []
    for value in VALUES:
        if any(group.values(value) for group in groups):
            rows.append([Cell(value.title), *(_interval_cell(group.interval(value), value.digits) for group in groups)])
    headings = ("", *(f"{group.name} ({len(group.runs)})" for group in groups))
    return Table(headings, [Block("", rows)])


def _interval_cell(interval: Interval | None, digits: int, sign: bool = False) -> Cell:
    if interval is None:
        return Cell("–")
    text = shown(interval.mean, digits, sign=sign)
    if interval.low is not None and interval.high is not None:
        text += f" [{shown(interval.low, digits, sign=sign)}, {shown(interval.high, digits, sign=sign)}]"
    return Cell(text, best=sign and interval.excludes_zero)


def _differences(groups: Sequence[RunGroup]) -> Table:
    """The first group minus every other one, seed by seed where both have it."""
    rows = []
    for other in groups[1:]:
        for value in VALUES:
            pairs = _pairs(groups[0], other, value)
            if pairs:
                interval = t_interval([value.factor * (first - second) for first, second in pairs])
                label = f"{groups[0].name} − {other.name}"
                rows.append(
                    [
                        Cell(label),
                        Cell(value.title),
                        _interval_cell(interval, value.digits, sign=True),
                        Cell(str(len(pairs))),
                    ]
                )
    return Table(
        ("difference", "value", "mean [95 %]", "seeds"), [Block("", rows)] if rows else [], left=frozenset({"value"})
    )


def _pairs(first: RunGroup, second: RunGroup, value: Value) -> list[tuple[float, float]]:
    by_seed = {run.manifest["seed"]: value.of(run) for run in second.runs}
    found = []
    for run in first.runs:
        one, two = value.of(run), by_seed.get(run.manifest["seed"])
        if one is not None and two is not None and math.isfinite(one - two):
            found.append((one, two))
    return found


def _unequal(runs: Sequence[RunFindings]) -> list[str]:
    """In what runs differ that should not."""
    notes = []
    for key, of in {
        "loops": lambda run: len(run.loops),
        "prompts of all loops": lambda run: sum(loop.figures["prompts"] for loop in run.loops),
        "per_domain": lambda run: run.config["per_domain"],
        "training iterations": lambda run: run.config["training"]["iterations"],
        "protocol": lambda run: run.config["evaluation"]["protocol"],
        "held-out clips": lambda run: run.manifest["heldout"]["hash"],
        "the fixed tracker": fixed_hash,
    }.items():
        found = {str(of(run)) for run in runs}
        if len(found) > 1:
            shown_ = ", ".join(sorted(found)) if all(len(each) < 20 for each in found) else f"{len(found)} different"
            notes.append(f"the runs differ in {key} ({shown_}), so their values do not compare as they stand")
    return notes


def _points(comparison: Comparison) -> str:
    panels = {}
    for value in VALUES:
        rows = []
        for group in comparison.groups:
            interval, values = group.interval(value), group.values(value)
            if interval is not None:
                rows.append((group.name, values, interval.mean, interval.low, interval.high))
        if len(rows) == len(comparison.groups) and value.key in ("difficulty_rise", "speed_rise", "heldout_TIS"):
            panels[value.title] = rows
    if not panels:
        return ""
    caption = "Small points: seeds. Diamonds: means with Student's 95 % interval."
    return page.figure(to_svg(figures.interval_figure(panels), "groups", caption), caption)


def _paired(comparison: Comparison) -> str:
    if comparison.differences.empty:
        return ""
    return to_html(comparison.differences, "differences") + page.paragraph(
        "Seed by seed, with Student's 95 % interval; bold where it excludes zero. Of many intervals at 95 % one in "
        "twenty excludes zero by chance.",
        "dim",
    )


def _curves(comparison: Comparison) -> str:
    panels: dict[str, dict[str, Line]] = {}
    wanted = {
        "Difficulty (1 − TIS of the fixed tracker)": lambda figures_: figures_["difficulty"],
        "Mean speed of the bodies (m/s)": lambda figures_: figures_["mean_speed"],
        "TIS on the held-out clips": lambda figures_: (figures_["heldout"] or {}).get("TIS"),
    }
    for title, of in wanted.items():
        for group in comparison.groups:
            line = _mean_line([[of(loop.figures) for loop in run.loops] for run in group.runs])
            if line is not None:
                panels.setdefault(title, {})[group.name] = line
    if not panels:
        return ""
    colours = {group.name: figures.domain_colour(index) for index, group in enumerate(comparison.groups)}
    caption = "Means over seeds; bands are the range."
    return page.figure(to_svg(figures.lines_figure(panels, colours, 2.6), "curves", caption), caption)


def _mean_line(rows: Sequence[Sequence[float | None]]) -> Line | None:
    """Mean and range over runs of each loop that has a value in any of them."""
    length = max(map(len, rows), default=0)
    x, values = [], []
    for loop in range(length):
        known = [row[loop] for row in rows if loop < len(row) and row[loop] is not None]
        if known:
            x.append(loop)
            values.append(np.array(known, dtype=float))
    if not x:
        return None
    mean, low, high = (np.array([of(each) for each in values]) for of in (np.mean, np.min, np.max))
    return Line(np.array(x), mean, low, high)


def _all_runs(comparison: Comparison) -> Table:
    blocks = []
    for group in comparison.groups:
        rows = []
        for run in group.runs:
            values = [Cell(shown(value.of(run), value.digits, value.factor)) for value in VALUES]
            rows.append([Cell(f"seed {run.manifest['seed']}", title=str(run.folder)), *values])
        blocks.append(Block(group.name, rows))
    return Table(("run", *(value.title for value in VALUES)), blocks, block_heading="group")


def _record(comparison: Comparison) -> dict[str, Any]:
    groups = {}
    for group in comparison.groups:
        entry: dict[str, Any] = {"seeds": [run.manifest["seed"] for run in group.runs]}
        for value in VALUES:
            interval = group.interval(value)
            if interval is not None:
                entry[value.key] = {
                    "values": group.values(value), "mean": interval.mean, "low": interval.low, "high": interval.high,
                }  # fmt: skip
        groups[group.name] = entry
    return {
        "kind": "synthesis_comparison",
        "library_version": __version__,
        "groups": groups,
        "notes": comparison.notes,
    }
