"""What mining and routing show on the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

MOST_ROWS = 40
"""Clips that a table shows, hardest first; the record holds all."""


def mining_table(record: Mapping[str, Any]) -> Table:
    """The hardest clips of a mining record, residual ones marked."""
    left = ("clip", "label", "failed by")
    headings = ("clip", "label", "s", "SR %", "TIS", "worst s*", "failed by", "at s", "early %", "MPJPE mm", "residual")
    table = _table(headings, left)
    for row in sorted(record["results"], key=lambda row: (row["SR"], row["TIS"]))[:MOST_ROWS]:
        table.add_row(
            row["clip"],
            row["label"],
            _cell(row["duration_s"], 1),
            _rate(row["SR"]),
            _cell(row["TIS"], 3),
            _worst(row["critical_scale"]),
            row["failed_by"],
            _cell(row["failed_at_s"], 2),
            _cell(100.0 * row["early_falls"], 0),
            _cell(row["MPJPE_mm"], 1),
            "yes" if row["residual"] else "",
        )
    return table


def print_mining(record: Mapping[str, Any], out: str, console: Console) -> None:
    """Print the table, the totals, and what to do next."""
    count, total = len(record["clips"]), record["num_clips"]
    heading = (
        f"protocol {record['protocol']}, rollouts of a clip: {record['rollouts']}, action {record['actor']}, "
        f"{record['randomisation'] or 'no randomisation'}, seed {record['seed']}"
    )
    early = record["early_falls_of_failures"]
    told = "" if early is None else f"; {100.0 * early:.0f} % of the failures come in the first {record['early_s']:g} s"
    totals = (
        f"{count} of {total} clips succeed in less than {100.0 * record['rho_fail']:g} % of their rollouts "
        f"(SR {100.0 * record['SR']:.1f} %, TIS {record['TIS']:.3f}){told}"
    )
    lines = [Text(heading, style="dim"), mining_table(record), *_hidden(total), Text(totals, style="bold")]
    if record["SR"] == 0.0:
        lines.append(
            Text("the teacher succeeds on no clip: train it longer before an expert is trained on all of them")
        )
    if count:
        lines.append(Text(f"written to {out}; train on the residual set with --motions {out}", style="dim"))
    else:
        lines.append(Text(f"written to {out}; the residual set is empty, experts have nothing to train on"))
    console.print(Group(*lines), soft_wrap=True)


def routing_table(record: Mapping[str, Any]) -> Table:
    """Success rate and mean critical scale of every teacher on the clips that the first teacher does worst."""
    names = [teacher["name"] for teacher in record["teachers"]]
    columns = [heading for name in names for heading in (f"{name} %", "s*")]
    table = _table(("clip", "label", *columns, "teacher", "tied"), ("clip", "label", "teacher", "tied"))
    for row in sorted(record["results"], key=lambda row: row["SR"][names[0]])[:MOST_ROWS]:
        cells = [cell for name in names for cell in (_rate(row["SR"][name]), _cell(row["critical_scale"][name], 2))]
        table.add_row(row["clip"], row["label"], *cells, row["teacher"], ", ".join(row["tied"]))
    return table


def print_routing(record: Mapping[str, Any], out: str, console: Console) -> None:
    """Print the table, who got how many clips, and how many ties the rule decided."""
    clips = len(record["results"])
    rule = "the first of the tied teachers" if record["tie"] == "first" else "the smaller mean critical scale"
    lines: list[Any] = [routing_table(record), *_hidden(clips)]
    for teacher in record["teachers"]:
        line = (
            f"{teacher['name']}: {teacher['routed']} of {clips} clips ({teacher['routed_alone']} without a tie), "
            f"SR {100.0 * teacher['SR']:.1f} %, TIS {teacher['TIS']:.3f}"
        )
        lines.append(Text(line + ("; never succeeds" if teacher["never_succeeds"] else "")))
    routed = 100.0 * record["SR_routed"]
    lines.append(Text(f"ties: {record['ties']} of {clips} clips, given to {rule}; SR as routed {routed:.1f} %"))
    if record["unsolved"]:
        lines.append(Text(f"no teacher succeeds on: {', '.join(record['unsolved'])}"))
    if record["without"]:
        lines.append(Text(f"left out: {', '.join(record['without'])}"))
    lines.append(Text(f"written to {out}", style="dim"))
    console.print(Group(*lines), soft_wrap=True)


def _table(headings: tuple[str, ...], left: tuple[str, ...]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(heading, justify="left" if heading in left else "right")
    return table


def _hidden(clips: int) -> list[Text]:
    return [Text(f"({clips - MOST_ROWS} easier clips not shown)", style="dim")] if clips > MOST_ROWS else []


def _rate(share: float) -> Text:
    style = "green" if share == 1.0 else "red" if share == 0.0 else "yellow"
    return Text(f"{100.0 * share:.0f}", style=style)


def _worst(scales: list[float | None]) -> str:
    return "inf" if None in scales else f"{max(scales):.2f}"


def _cell(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"
