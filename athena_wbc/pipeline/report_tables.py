"""The report's tables of policies, comparisons, smoothness and stages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from athena_wbc.pipeline.comparison import COMPARED, Comparison, compare_all
from athena_wbc.pipeline.findings import POLICIES, SETS, Findings, in_order
from athena_wbc.pipeline.smoothness import MEASURES, MECHANISMS, PAPER, PAPER_SUCCESS, further_variants
from athena_wbc.pipeline.statistics import Interval
from athena_wbc.pipeline.tabular import Block, Cell, Table, cell, counted, seconds_text, shown, significant
from athena_wbc.pipeline.verdict import average, over_runs


@dataclass(frozen=True)
class Column:
    """A number of ``metrics.json`` as a column."""

    heading: str
    name: str
    digits: int
    factor: float = 1.0
    sign: int = 0
    """1 where more is better, -1 where less is, 0 where neither says it all."""
    title: str = ""


_SR = Column("SR %", "SR", 1, 100.0, 1, "success rate: share of rollouts that stay within all thresholds")
_TIS = Column("TIS", "TIS", 3, 1.0, 1, "threshold-integrated success, 0 to 1")
_COLUMNS = (
    _SR,
    _TIS,
    Column("MPJPE mm", "MPJPE_mm", 1, sign=-1, title="mean key-body error, position and heading of the robot aligned"),
    Column("MPJPE-W mm", "MPJPE_W_mm", 1, sign=-1, title="the same, weighted by how much each body moves in the clip"),
    Column("world MPJPE mm", "MPJPE_world_mm", 1, sign=-1, title="mean key-body error in the world frame, with drift"),
    Column("of successes mm", "success_only.MPJPE_mm", 1, title="MPJPE over the successful rollouts alone"),
    Column("frames %", "frames_evaluated", 1, 100.0, title="share of the frames up to which rollouts were evaluated"),
    Column("action rate", "action_rate", 3, sign=-1, title="mean squared change of the commanded joint targets"),
    Column("action jerk", "action_jerk", 3, sign=-1, title="mean squared second difference of the joint targets"),
    Column("HF ratio", "high_frequency_ratio", 4, sign=-1, title="action power in 8-25 Hz over that in 0.5-25 Hz"),
)

HEADLINE = ("SR %", "TIS", "MPJPE mm", "MPJPE-W mm", "action rate", "HF ratio")
"""Columns of the table on the terminal."""


def all_policies(runs: Sequence[Findings]) -> list[str]:
    """Policies of any run."""
    return in_order((policy for run in runs for policy in run.policies), POLICIES)


def all_sets(runs: Sequence[Findings]) -> list[str]:
    """Sets of any run."""
    return in_order((name for run in runs for name in run.sets), SETS)


def policy_table(runs: Sequence[Findings], columns: Sequence[str] | None = None) -> Table:
    """Every policy on every set, the best of a column marked; in a study mean and deviation over seeds.

    Args:
        columns: headings to show; all of them where None.
    """
    chosen = [column for column in _COLUMNS if columns is None or column.heading in columns]
    blocks = []
    for set_name in all_sets(runs):
        present = [p for p in all_policies(runs) if any((p, set_name) in run.evaluations for run in runs)]
        if present:
            cells = _measured(runs, present, set_name, chosen)
            rows = [[Cell(policy), *cells[policy]] for policy in present]
            blocks.append(Block(f"{set_name}, {clip_count(runs, present, set_name)}", rows))
    titles = {column.heading: column.title for column in chosen}
    return Table(("policy", *titles), blocks, titles=titles, block_heading="set")


def clip_count(runs: Sequence[Findings], policies: Sequence[str], set_name: str) -> str:
    """How many clips a set has, in words; in a study from the fewest to the most."""
    counts = sorted({int(n) for policy in policies for n in over_runs(runs, policy, set_name, "clips")})
    if not counts:
        return "clips unknown"
    return counted(counts[0], "clip") if len(counts) == 1 else f"{counts[0]} to {counts[-1]} clips"


def _best(runs: Sequence[Findings], policies: Sequence[str], set_name: str, column: Column) -> set[str]:
    """Policies that share the best value as it is shown; none where all do."""
    means = {policy: average(runs, policy, set_name, column.name) for policy in policies}
    known = {
        p: column.sign * round(column.factor * mean, column.digits) for p, mean in means.items() if mean is not None
    }
    if column.sign == 0 or len(known) < 2 or len(set(known.values())) == 1:
        return set()
    return {policy for policy, value in known.items() if value == max(known.values())}


def _measured(
    runs: Sequence[Findings], policies: Sequence[str], set_name: str, columns: Sequence[Column]
) -> dict[str, list[Cell]]:
    """By policy its cells of the columns, the best of each column marked."""
    best = [_best(runs, policies, set_name, column) for column in columns]
    cells: dict[str, list[Cell]] = {}
    for policy in policies:
        cells[policy] = []
        for column, winners in zip(columns, best, strict=True):
            text, title = _value(runs, policy, set_name, column)
            cells[policy].append(Cell(text, best=policy in winners, title=title))
    return cells


def _value(runs: Sequence[Findings], policy: str, set_name: str, column: Column) -> tuple[str, str]:
    """A value with its spread over seeds, or over clips for one seed; and the values of the seeds."""
    values = column.factor * over_runs(runs, policy, set_name, column.name)
    if not len(values):
        return "–", ""
    text = shown(float(values.mean()), column.digits)
    if len(runs) > 1:
        text += f" ± {shown(float(values.std(ddof=1)), column.digits)}" if len(values) > 1 else ""
        text += f" (n={len(values)})" if len(values) < len(runs) else ""
        return text, ", ".join(significant(value) for value in values)
    deviation = runs[0].value(policy, set_name, f"std.{column.name}") if column.name.startswith("MPJPE") else None
    return text + ("" if deviation is None else f" ± {shown(deviation, 0)}"), ""


def comparison_table(runs: Sequence[Findings], comparisons: Sequence[Comparison]) -> Table:
    """Differences with intervals, one row a pair and set; a difference whose interval excludes zero is marked."""
    study = len(runs) > 1
    headings = ("set", "SR points", "TIS", "MPJPE mm", "MPJPE-W mm", "clips", "better", "worse")
    blocks: dict[str, Block] = {}
    by_row: dict[tuple[str, str, str], dict[str, Comparison]] = {}
    for entry in comparisons:
        by_row.setdefault((entry.first, entry.second, entry.set), {})[entry.value] = entry
    for (first, second, set_name), values in by_row.items():
        title = f"{first} − {second}"
        block = blocks.setdefault(title, Block(title, []))
        counted = values.get("SR") or next(iter(values.values()))
        block.rows.append(
            [
                Cell(set_name),
                *(_difference(values.get(value), study) for value in COMPARED),
                Cell(str(counted.clips)),
                Cell(str(counted.better)),
                Cell(str(counted.worse)),
            ]
        )
    titles = {
        "clips": "clips that both policies were evaluated on" + (", of all seeds together" if study else ""),
        "better": "clips on which the first policy's success rate is higher",
        "worse": "clips on which it is lower",
    }
    return Table(headings, list(blocks.values()), titles=titles, block_heading="difference")


def _difference(entry: Comparison | None, study: bool) -> Cell:
    if entry is None or entry.main is None:
        return Cell("–")
    digits, factor = {"SR": (1, 100.0), "TIS": (3, 1.0)}.get(entry.value, (1, 1.0))
    text = shown(entry.main.mean, digits, factor, sign=True) + _borders(entry.main, digits, factor)
    if study:
        text += _borders(entry.over_both, digits, factor, "{", "}")
    title = ", ".join(f"{name} {shown(value, digits, factor, sign=True)}" for name, value in entry.by_seed.items())
    return Cell(text, best=entry.main.excludes_zero, title=title if study else "")


def _borders(interval: Interval | None, digits: int, factor: float, left: str = "[", right: str = "]") -> str:
    if interval is None or interval.low is None or interval.high is None:
        return ""
    low, high = (shown(border, digits, factor, sign=True) for border in (interval.low, interval.high))
    # A line may break between two intervals, not within one.
    return f" {left}{low},\u00a0{high}{right}"


def comparisons(runs: Sequence[Findings]) -> list[Comparison]:
    """All comparisons that the configuration asks for, on all sets."""
    return compare_all(runs, all_sets(runs))


def smoothness_table(runs: Sequence[Findings], found: Mapping[str, str], set_name: str) -> Table:
    """Our variants on one set beside the paper's values, like its Table 5."""
    columns = (_SR, _TIS, *(Column(heading, name, 4, sign=-1) for name, heading in MEASURES.items()))
    headings = ("variant", "smoothness from", *(column.heading for column in columns))
    mechanisms = {policy: MECHANISMS[recipe] for recipe, policy in found.items()} | further_variants(runs[0], found)
    mechanisms = {
        policy: told for policy, told in mechanisms.items() if any((policy, set_name) in r.evaluations for r in runs)
    }
    cells = _measured(runs, list(mechanisms), set_name, columns)
    ours = [[Cell(policy), Cell(mechanism), *cells[policy]] for policy, mechanism in mechanisms.items()]
    paper = []
    for recipe in found:
        rates = PAPER_SUCCESS[recipe]
        paper.append(
            [
                Cell(recipe),
                Cell(MECHANISMS[recipe]),
                Cell(f"{rates['AMASS SR']:.1f} / {rates['Omni SR']:.1f}"),
                Cell(f"{rates['AMASS TIS']:.3f} / {rates['Omni TIS']:.3f}"),
                *(cell(PAPER[recipe][name], 3 if name == "high_frequency_ratio" else 4) for name in MEASURES),
            ]
        )
    blocks = [Block(f"ours, {set_name}", ours), Block("the paper, AMASS-eval / Omni-eval", paper)]
    return Table(headings, blocks, left=frozenset({"smoothness from"}), block_heading="source")


_STAGES = (
    *(
        "manifests",
        "sonic_base",
        "general",
        "mine",
        "mining",
        "no_smooth",
        "residual_control",
        "dynamic",
        "dynamic_caps",
        "balance",
    ),
    *("route", "routing", "student", "single_teacher_student", "finetune", "evaluat", "picture"),
)
"""Words in the names of stages, in the order of the work."""


def _stages(run: Findings) -> dict[str, dict[str, Any]]:
    """All stages but the one that writes the report, which is not over while it is written."""
    return {name: stage for name, stage in run.stages.items() if name != "report"}


def stage_table(run: Findings) -> Table:
    """What every stage took, how it ended and why it was redone."""

    def rank(name: str) -> tuple[int, str]:
        return max((index for index, word in enumerate(_STAGES) if word in name), default=0), name

    stages = _stages(run)
    order = run.manifest.get("order")
    names = in_order(stages, order if isinstance(order, list) else sorted(stages, key=rank))
    rows = []
    for name in names:
        seconds, why = stages[name].get("seconds"), stages[name].get("why")
        number = float(seconds) if isinstance(seconds, (int, float)) else None
        rows.append(
            [
                Cell(name),
                Cell(str(stages[name].get("status", "–"))),
                Cell(seconds_text(number)),
                Cell(str(why) if why else ""),
            ]
        )
    headings = ("stage", "status", "time", "why")
    return Table(headings, [Block("", rows)], left=frozenset({"status", "why"}))


def total_seconds(run: Findings) -> float | None:
    """Time of all stages together; None where no stage tells it."""
    times = [stage.get("seconds") for stage in _stages(run).values()]
    known = [float(value) for value in times if isinstance(value, (int, float))]
    return float(np.sum(known)) if known else None


def seed_table(runs: Sequence[Findings]) -> Table:
    """Success rates of every policy in every seed of a study, with what was mined and the time it took."""
    mined = [Cell("–" if run.residual is None else str(len(run.residual["clips"]))) for run in runs]
    times = [Cell(seconds_text(total_seconds(run))) for run in runs]
    blocks = [Block("the seed", [[Cell("mined clips"), *mined], [Cell("time of all stages"), *times]])]
    for name in all_sets(runs):
        rows = [
            [Cell(policy), *(cell(run.value(policy, name, "SR"), 1, 100.0) for run in runs)]
            for policy in all_policies(runs)
            if any((policy, name) in run.evaluations for run in runs)
        ]
        if rows:
            blocks.append(Block(f"SR % on {name}", rows))
    return Table(("", *(run.name for run in runs)), blocks)
