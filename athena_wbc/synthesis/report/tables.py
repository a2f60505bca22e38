"""Tables of the loop's report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from athena_wbc.pipeline.tabular import Block, Cell, Table, cell, seconds_text, shown
from athena_wbc.synthesis.report.findings import RunFindings

_MOST_DECISIONS = 3
_AXES = {"base_action": "base", "combo_action": "combo", "detail": "detail", "speed_rhythm": "speed"}


def loops_table(run: RunFindings) -> Table:
    """A row a loop: what was made, and how hard it is by every measure."""
    rows = []
    for loop in run.loops:
        figures = loop.figures
        rows.append(
            [
                Cell(str(loop.number)),
                Cell(str(figures["prompts"])),
                Cell(str(figures["kept"])),
                cell(figures["tier"], 2),
                cell(figures["judge_difficulty"], 1),
                cell(figures["mean_speed"], 3),
                cell(figures["mean_acceleration"], 2),
                cell(figures["fixed_tracker_success"], 1, 100.0),
                cell(figures["difficulty"], 3),
            ]
        )
    headings = (
        "loop", "prompts", "kept", "tier", "judged 1-10", "speed m/s", "acceleration m/s²", "fixed tracker SR %",
        "difficulty",
    )  # fmt: skip
    titles = {
        "tier": "difficulty that the prompts were meant to have, 1 to 3",
        "judged 1-10": "what the judge says of the motions",
        "speed m/s": "mean over the robot's key bodies and all frames",
        "fixed tracker SR %": "success of the tracker that never sees the loops",
        "difficulty": "1 - TIS of the fixed tracker",
    }
    return Table(headings, [Block("", rows)], titles=titles)


def trackers_table(run: RunFindings) -> Table:
    """A row a tracker: the fixed one and that of every loop, on its own clips and on the held-out ones."""
    rows = []
    if run.baseline is not None:
        rows.append([Cell("fixed"), *[cell(None, 0)] * 4, *_on(run.baseline)])
    for loop in run.loops:
        own = loop.figures["tracker"]
        rows.append(
            [
                Cell(f"of loop {loop.number}"),
                Cell(str(loop.figures["trained"])),
                *_on(own),
                *_on(loop.figures["heldout"]),
            ]
        )
    # A tracker that was fixed has one column more: what it was trained on.
    headings = (
        "tracker", "trained on", "own SR %", "own TIS", "own g-MPJPE mm", "heldout SR %", "heldout TIS",
        "heldout g-MPJPE mm",
    )  # fmt: skip
    return Table(headings, [Block("", rows)])


def _on(figures: Mapping[str, Any] | None) -> list[Cell]:
    if figures is None:
        return [cell(None, 0)] * 3
    return [cell(figures["SR"], 1, 100.0), cell(figures["TIS"], 3), cell(figures["g_MPJPE_mm"], 0)]


def domains_table(run: RunFindings) -> Table:
    """A row a domain and loop."""
    blocks = []
    for domain in run.domains:
        rows = []
        for loop in run.loops:
            figures = loop.figures["by_domain"].get(domain)
            if figures is None:
                continue
            rows.append(
                [
                    Cell(f"loop {loop.number}"),
                    Cell(f"{figures['kept']} of {figures['prompts']}"),
                    cell(figures["tier"], 2),
                    cell(figures["judge_difficulty"], 1),
                    cell(figures["mean_speed"], 3),
                    cell(figures["fixed_tracker_success"], 0, 100.0),
                    cell(figures["difficulty"], 3),
                    cell(figures["tracker_success"], 0, 100.0),
                ]
            )
        blocks.append(Block(domain, rows))
    headings = (
        "loop", "kept", "tier", "judged 1-10", "speed m/s", "fixed tracker SR %", "difficulty", "own tracker SR %",
    )  # fmt: skip
    return Table(headings, blocks, block_heading="domain")


def dropped_table(run: RunFindings) -> Table:
    """Clips dropped by reason, a column a loop."""
    reasons: dict[str, int] = {}
    for loop in run.loops:
        for reason, count in loop.figures["dropped"].items():
            reasons[reason] = reasons.get(reason, 0) + count
    ordered = sorted(reasons, key=lambda reason: (-reasons[reason], reason))
    rows = [[Cell("prompts"), *(Cell(str(loop.figures["prompts"])) for loop in run.loops)]]
    rows += [
        [Cell(reason), *(Cell(str(loop.figures["dropped"].get(reason, 0) or "–")) for loop in run.loops)]
        for reason in ordered
    ]
    kept = [_share(loop.figures["kept"], loop.figures["prompts"]) for loop in run.loops]
    rows.append([Cell("kept", best=True), *(Cell(text, best=True) for text in kept)])
    return Table(("reason", *(f"loop {loop.number}" for loop in run.loops)), [Block("", rows)])


def _share(count: int, total: int) -> str:
    return f"{count} ({100.0 * count / total:.0f} %)" if total else "–"


def overlap_table(run: RunFindings) -> Table:
    """How the motions of every loop lie to the source set."""
    rows = []
    for loop in run.loops:
        found = loop.motions.overlap
        if found is None:
            continue
        rows.append(
            [
                Cell(f"loop {loop.number}"),
                Cell(str(len(loop.motions.points))),
                cell(found.inside, 1, 100.0),
                cell(found.covered, 1, 100.0),
                cell(found.distance, 2),
            ]
        )
    headings = ("set", "windows", "inside the source %", "source covered %", "distance")
    titles = {
        "inside the source %": "windows that lie within the source's neighbourhoods",
        "source covered %": "windows of the source that lie within the loop's neighbourhoods",
        "distance": "median distance to the nearest source window, by that of the source to itself",
    }
    return Table(headings, [Block("", rows)] if rows else [], titles=titles)


def gates_table(run: RunFindings) -> Table:
    """What the scheduler has decided on every domain."""
    blocks = []
    for loop in run.loops:
        rows = []
        for entry in loop.log:
            if entry.get("kind") != "gate":
                continue
            seen, chosen = entry.get("seen") or {}, entry.get("chosen") or {}
            rows.append(
                [
                    Cell(str(entry.get("domain") or "all")),
                    cell(seen.get("success"), 0, 100.0),
                    cell(seen.get("mpjpe_g"), 0),
                    cell(seen.get("difficulty"), 1),
                    Cell(str(chosen.get("verdict", ""))),
                    Cell(f"{shown(seen.get('target'), 2)} → {shown(chosen.get('target'), 2)}"),
                    Cell(str(entry.get("why", ""))),
                ]
            )
        if rows:
            blocks.append(Block(f"for loop {loop.number}", rows))
    headings = ("domain", "success %", "g-MPJPE mm", "judged", "decision", "target tier", "why")
    return Table(headings, blocks, left=frozenset({"decision", "target tier", "why"}), block_heading="loop")


def decisions(run: RunFindings) -> list[tuple[str, list[tuple[str, str]]]]:
    """Examples of a parent and its child for every loop and domain: heading, and pairs of a name and a text."""
    prompts, found = run.prompts(), []
    for loop in run.loops:
        taken: dict[str, int] = {}
        for entry in loop.log:
            domain, chosen = str(entry.get("domain", "")), entry.get("chosen") or {}
            child = prompts.get(str(chosen.get("prompt", "")))
            parent = prompts.get(child["parents"][0]) if child is not None and child["parents"] else None
            if entry.get("kind") != "child" or child is None or parent is None or domain in taken:
                continue
            if len(taken) >= _MOST_DECISIONS:
                break
            taken[domain] = 1
            seen = entry.get("seen") or {}
            metric = "" if seen.get("error") is None else f"error {seen['error']:.0f} mm"
            judged = "" if seen.get("difficulty") is None else f"judged {seen['difficulty']:.1f}"
            told = ", ".join(filter(None, (metric, judged)))
            pairs = [
                ("parent", f"{parent['text']} (tier {parent['tier']:.2f}{f'; {told}' if told else ''})"),
                ("child", f"{child['text']} (tier {child['tier']:.2f})"),
                ("changes", _changes(parent, child)),
                ("why", str(entry.get("why", ""))),
            ]
            if chosen.get("by"):
                pairs.append(("chosen by", str(chosen["by"])))
            found.append((f"loop {loop.number}, {domain}", pairs))
    return found


def _changes(parent: Mapping[str, Any], child: Mapping[str, Any]) -> str:
    texts = []
    for axis, short in _AXES.items():
        old, new = parent["slots"].get(axis, []), child["slots"].get(axis, [])
        if old != new:
            texts.append(f"{short}: {' and '.join(old)} → {' and '.join(new)}")
    return "; ".join(texts) or "none"


def costs_table(run: RunFindings) -> Table:
    """A row a language model: how often it was asked, and what that took."""
    rows = [
        [
            Cell(model),
            Cell(str(total["calls"])),
            Cell(str(total["replayed"])),
            Cell(str(total["input_tokens"])),
            Cell(str(total["output_tokens"])),
            Cell(seconds_text(total["seconds"])),
            cell(total["price"], 2),
        ]
        for model, total in run.costs.items()
    ]
    headings = ("model", "answers", "of a recording", "tokens in", "tokens out", "time", "price")
    titles = {
        "answers": "two of a question whose first answer had to be repaired",
        "time": "of the server, one answer after the other",
        "price": "in the currency of input_price and output_price; what is replayed costs nothing",
    }
    return Table(headings, [Block("", rows)] if rows else [], titles=titles)


def stages_table(run: RunFindings) -> Table:
    """Time of every stage, and what it found."""
    rows = []
    for name in run.manifest.get("order", []):
        entry: Mapping[str, Any] = run.manifest["stages"].get(name, {})
        status = "" if entry.get("status") == "done" else f"{entry.get('status')}: "
        text = f"{status}{entry.get('told') or entry.get('error') or ''}"
        rows.append([Cell(name), Cell(seconds_text(entry.get("seconds"))), Cell(text)])
    return Table(("stage", "time", "result"), [Block("", rows)], left=frozenset({"result"}))


def total_seconds(run: RunFindings) -> float:
    """Time of all stages together, s."""
    return sum(entry.get("seconds", 0.0) for entry in run.manifest["stages"].values())
