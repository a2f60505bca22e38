"""The report's tables of clips: who tracks which, where they fail, what was mined and routed."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from athena_wbc.pipeline.findings import Evaluation, Findings
from athena_wbc.pipeline.report_tables import all_policies
from athena_wbc.pipeline.tabular import Block, Cell, Table, cell, counted, shown

MOST_CLIPS = 120
"""Clips that the table shows, hardest first; the CSV files hold all."""

_TITLES = {
    "s": "length of the clip",
    "teacher fails": "the error that most failed mining rollouts broke first, and the median of the times",
    "early falls %": "share of the mining rollouts that first fail within the first moments",
    "mined in": "seeds whose teacher failed on the clip, of those that were mined",
    "routed to": "the teacher that labels the clip in the distillation",
}

_LOOKED_UP = ("full", "heldout", "residual", "dynamic", "balance")
"""Sets in which a clip is looked up, in this order, so that all policies are seen on the same rollouts."""


def clip_row(run: Findings, policy: str, clip: str) -> tuple[str, dict[str, Any]] | None:
    """A policy's row of a clip and the set that it is from."""
    names = [*_LOOKED_UP, *(name for name in run.sets if name not in _LOOKED_UP)]
    for name in names:
        evaluation = run.evaluations.get((policy, name))
        if evaluation is not None and clip in evaluation.clips:
            return name, evaluation.clips[clip]
    return None


def clip_table(runs: Sequence[Findings]) -> tuple[Table, int]:
    """Success rate and critical scale of every policy on every clip, and how many clips are not shown.

    Mined clips come first, held-out ones last, and within each the hardest first.
    """
    policies = [policy for policy in all_policies(runs) if any(policy == p for run in runs for p, _ in run.evaluations)]
    clips = _clips(runs)
    mined = Counter(clip for run in runs if run.residual is not None for clip in run.residual["clips"])
    heldout = _heldout(runs) - set(mined)
    groups = {"mined": [], "not mined": [], "held out": []} if mined else {"": [], "held out": []}
    for clip in clips:
        easy = "not mined" if mined else ""
        groups["mined" if clip in mined else "held out" if clip in heldout else easy].append(clip)
    study = len(runs) > 1
    details = any(run.residual is not None for run in runs)
    routed = any(run.routing is not None for run in runs)
    headings = ["clip", "label", "s"]
    headings += [("mined in" if study else "teacher fails"), "early falls %"] if details else []
    headings += policies + (["routed to"] if routed else [])
    blocks, left_over = [], MOST_CLIPS
    for title, members in groups.items():
        members = sorted(members, key=lambda clip: _hardness(runs, policies, clip))
        shown_members = members[:left_over]
        left_over -= len(shown_members)
        rows = []
        for clip in shown_members:
            any_row = next(found[1] for run in runs for p in policies if (found := clip_row(run, p, clip)) is not None)
            row = [Cell(clip), Cell(str(any_row.get("label") or "")), cell(any_row.get("duration_s"), 1)]
            if details:
                row += _mining_cells(runs, clip, mined[clip])
            row += [_policy_cell(runs, policy, clip) for policy in policies]
            if routed:
                row.append(_routed_cell(runs, clip))
            rows.append(row)
        if rows:
            blocks.append(Block(title, rows))
    left = frozenset({"label", "routed to", "teacher fails"})
    return Table(tuple(headings), blocks, left=left, titles=_TITLES), max(0, len(clips) - MOST_CLIPS)


def _clips(runs: Sequence[Findings]) -> list[str]:
    return list(dict.fromkeys(clip for run in runs for entry in run.evaluations.values() for clip in entry.clips))


def _heldout(runs: Sequence[Findings]) -> set[str]:
    def of(run: Findings, held: bool) -> set[str]:
        return {
            clip for (_, name), entry in run.evaluations.items() if (name == "heldout") == held for clip in entry.clips
        }

    return set().union(*(of(run, True) for run in runs)) - set().union(*(of(run, False) for run in runs))


def _hardness(runs: Sequence[Findings], policies: Sequence[str], clip: str) -> tuple[float, float]:
    rows = [found[1] for run in runs for policy in policies if (found := clip_row(run, policy, clip)) is not None]
    return _mean([row.get("SR") for row in rows]), _mean([row.get("TIS") for row in rows])


def _mean(values: Sequence[float | None]) -> float:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else math.nan


def _policy_cell(runs: Sequence[Findings], policy: str, clip: str) -> Cell:
    found = [row for run in runs if (row := clip_row(run, policy, clip)) is not None]
    if not found:
        return Cell("–")
    rate = _mean([row.get("SR") for _, row in found])
    scale = _mean([row.get("critical_scale_mean") for _, row in found])
    lines = []
    for name, row in found:
        fails = f", fails by {row['failed_by']} at {shown(row.get('failed_at_s'), 2)} s" if row.get("failed_by") else ""
        lines.append(f"{name}: SR {shown(row.get('SR'), 0, 100.0)} %, TIS {shown(row.get('TIS'), 3)}{fails}")
    text = f"{shown(rate, 0, 100.0)} · {_scale(scale)}"
    return Cell(text, failed=1.0 - rate if math.isfinite(rate) else None, title="; ".join(lines))


def _scale(value: float) -> str:
    return "∞" if math.isinf(value) else "–" if math.isnan(value) else shown(value, 2)


def _mining_cells(runs: Sequence[Findings], clip: str, mined: int) -> list[Cell]:
    records = [row for run in runs if (row := _record(run.residual, clip)) is not None]
    early = [row.get("early_falls") for row in records]
    share = Cell(shown(_mean(early), 0, 100.0)) if any(value is not None for value in early) else Cell("")
    if len(runs) > 1:
        asked = sum(run.residual is not None for run in runs)
        return [Cell(f"{mined} of {asked}" if mined else ""), share]
    if not records or not records[0].get("failed_by"):
        return [Cell(""), share]
    at, duration = records[0].get("failed_at_s"), records[0].get("duration_s")
    where = "" if at is None else f" at {shown(at, 1)} s"
    if at is not None and duration:
        where += f", {shown(min(1.0, at / duration), 0, 100.0)} %"
    return [Cell(f"{records[0]['failed_by']}{where}"), share]


def _record(record: dict[str, Any] | None, clip: str) -> dict[str, Any] | None:
    results = [] if record is None else record["results"]
    return next((row for row in results if isinstance(row, dict) and row.get("clip") == clip), None)


def _routed_cell(runs: Sequence[Findings], clip: str) -> Cell:
    rows = [row for run in runs if (row := _record(run.routing, clip)) is not None]
    if not rows:
        return Cell("")
    if len(runs) > 1:
        counts = Counter(str(row.get("teacher")) for row in rows)
        return Cell(", ".join(f"{name} {count}" for name, count in counts.most_common()))
    tied = rows[0].get("tied") or []
    why = f"tied: {', '.join(map(str, tied))}" if tied else "the only one with the highest success rate"
    return Cell(str(rows[0].get("teacher")) + (" (tie)" if tied else ""), title=why)


def routing_table(runs: Sequence[Findings]) -> Table:
    """How many clips each teacher got, how many of them without a tie; one block a seed in a study."""
    blocks = []
    for run in runs:
        if run.routing is None:
            continue
        rows = []
        for teacher in run.routing.get("teachers") or []:
            rows.append(
                [
                    Cell(str(teacher.get("name"))),
                    cell(teacher.get("SR"), 1, 100.0),
                    cell(teacher.get("TIS"), 3),
                    Cell(str(teacher.get("routed", "–"))),
                    Cell(str(teacher.get("routed_alone", "–"))),
                    Cell("never succeeds" if teacher.get("never_succeeds") else ""),
                ]
            )
        blocks.append(Block(run.name if len(runs) > 1 else "", rows))
    headings = ("teacher", "SR %", "TIS", "clips routed", "of these without a tie", "remark")
    return Table(headings, blocks, left=frozenset({"remark"}))


def routing_details(run: Findings) -> Table:
    """Every teacher's success rate and critical scale on every clip, and who won."""
    record = run.routing or {}
    names = [str(teacher.get("name")) for teacher in record.get("teachers") or []]
    rows = []
    for row in record.get("results") or []:
        cells = []
        for name in names:
            rate, scale = (row.get("SR") or {}).get(name), (row.get("critical_scale") or {}).get(name)
            text = f"{shown(rate, 0, 100.0)} · {'∞' if scale is None else shown(scale, 2)}"
            won = name == row.get("teacher")
            cells.append(Cell(text, best=won, failed=None if rate is None else 1.0 - rate))
        rows.append(
            [Cell(str(row.get("clip"))), *cells, Cell(str(row.get("teacher"))), Cell(", ".join(row.get("tied") or []))]
        )
    return Table(("clip", *names, "teacher", "tied"), [Block("", rows)], left=frozenset({"teacher", "tied"}))


def routing_sentences(run: Findings) -> list[str]:
    """Ties, the rule that decided them, and the success rate as routed."""
    record = run.routing
    if record is None:
        return []
    clips = len(record["results"])
    rule = "the first of the tied teachers" if record.get("tie") == "first" else "the smaller mean critical scale"
    sentences = [
        f"{record.get('ties', '–')} of {clips} clips were ties, given to {rule}; with every clip played by its teacher "
        f"the success rate is {shown(record.get('SR_routed'), 1, 100.0)} %, the best of several measurements and so "
        "a little flattered."
    ]
    if record.get("unsolved"):
        sentences.append(f"No teacher succeeds on {', '.join(map(str, record['unsolved']))}.")
    if record.get("without"):
        sentences.append(f"Left out: {', '.join(map(str, record['without']))}.")
    return sentences


def mining_sentence(run: Findings) -> str | None:
    """How much was mined, and how early the failures come."""
    record = run.residual
    if record is None:
        return None
    total = record.get("num_clips") or len(record["results"])
    rollouts = counted(record.get("rollouts") or 0, "rollout")
    told = (
        f"{len(record['clips'])} of {total} clips were mined: they succeed in less than "
        f"{shown(record.get('rho_fail'), 0, 100.0)} % of {rollouts} of the teacher"
    )
    early = record.get("early_falls_of_failures")
    if early is None:
        return told + "."
    return (
        told + f"; {shown(early, 0, 100.0)} % of its failures come within the first {record.get('early_s', 1.0):g} s."
    )


def early_falls_sentence(runs: Sequence[Findings]) -> str:
    """What the column of early falls counts; empty where no pipeline has mined."""
    limits = {run.residual.get("early_s", 1.0) for run in runs if run.residual is not None}
    if not limits:
        return ""
    told = " or ".join(f"{limit:g}" for limit in sorted(limits))
    return f" Early falls: share of the mining rollouts that first fail within the first {told} s."


def before_and_after(
    runs: Sequence[Findings], before: str, after: str, set_name: str, value: str, most: int = 48
) -> list[tuple[str, float, float]]:
    """Clips with a value of both policies, the mean over the runs that have it; the hardest first."""
    values: dict[str, list[tuple[float, float]]] = {}
    for run in runs:
        first: Evaluation | None = run.evaluations.get((before, set_name))
        second: Evaluation | None = run.evaluations.get((after, set_name))
        if first is None or second is None:
            continue
        for clip in first.clips:
            pair = first.clips[clip].get(value), second.clips.get(clip, {}).get(value)
            if pair[0] is not None and pair[1] is not None:
                values.setdefault(clip, []).append(pair)
    means = [(clip, *np.mean(pairs, axis=0).tolist()) for clip, pairs in values.items()]
    return sorted(means, key=lambda entry: entry[1])[:most]
