"""A table that is built once and shown as HTML, as Markdown and on the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

from rich.table import Table as RichTable
from rich.text import Text


@dataclass(frozen=True)
class Cell:
    """What stands in one field."""

    text: str
    best: bool = False
    """The best of its column, in bold."""
    failed: float | None = None
    """Share of failed rollouts, 0 to 1, by which the field is tinted; no tint where None."""
    title: str = ""
    """What a pointer on the field shows."""


@dataclass(frozen=True)
class Block:
    """Rows below a common heading; the first cell names the row."""

    title: str
    rows: list[list[Cell]]


@dataclass(frozen=True)
class Table:
    """Blocks of rows below column headings."""

    headings: tuple[str, ...]
    blocks: list[Block]
    left: frozenset[str] = field(default_factory=frozenset)
    """Headings of the columns that are set to the left; the first one is anyway."""
    titles: dict[str, str] = field(default_factory=dict)
    """Explanations of headings."""
    block_heading: str = ""
    """What the titles of the blocks are; they become a column of that name in Markdown."""

    @property
    def empty(self) -> bool:
        """Whether there is no row."""
        return not any(block.rows for block in self.blocks)


def cell(value: float | None, digits: int, factor: float = 1.0, sign: bool = False) -> Cell:
    """A number of some digits; an en dash where there is none."""
    return Cell(shown(value, digits, factor, sign))


def shown(value: float | None, digits: int, factor: float = 1.0, sign: bool = False) -> str:
    """A number of some digits, with its sign by option; an en dash where there is none."""
    if value is None:
        return "–"
    text = f"{factor * value:{'+' if sign else ''}.{digits}f}"
    # Rounding leaves "-0.0", which reads as if something had got worse.
    if not text.strip("+-0."):
        text = text.lstrip("+-")
    return text.replace("-", "−")


def significant(value: float | None) -> str:
    """A number of three digits, whatever its size; an en dash where there is none."""
    if value is None:
        return "–"
    if value == 0.0:
        return "0"
    if 0.001 <= abs(value) < 1000.0:
        digits = max(0, 3 - len(f"{int(abs(value))}")) if abs(value) >= 1.0 else 3 if abs(value) >= 0.1 else 4
        return f"{value:.{digits}f}"
    return f"{value:.2e}"


def counted(count: int, noun: str) -> str:
    """A number of things, in the singular for one."""
    return f"{count} {noun}" + ("" if count == 1 else "s")


def seconds_text(seconds: float | None) -> str:
    """A duration as a person says it."""
    if seconds is None:
        return "–"
    if seconds < 60.0:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60.0)
    return f"{seconds / 60.0:.1f} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def to_html(table: Table, kind: str = "") -> str:
    """An HTML table that scrolls on its own where the page is narrow."""
    left = table.left | {table.headings[0]}
    named = f' class="{escape(kind)}"' if kind else ""
    lines = [f'<div class="scroll"><table{named}>', "<thead><tr>"]
    for heading in table.headings:
        side = ' class="left"' if heading in left else ""
        title = f' title="{escape(table.titles[heading])}"' if heading in table.titles else ""
        lines.append(f'<th scope="col"{side}{title}>{escape(heading)}</th>')
    lines.append("</tr></thead>")
    for block in table.blocks:
        lines.append("<tbody>")
        if block.title:
            span = len(table.headings)
            lines.append(f'<tr class="block"><th colspan="{span}" scope="rowgroup">{escape(block.title)}</th></tr>')
        for row in block.rows:
            cells = [_html_cell(entry, table.headings[k] in left, k == 0) for k, entry in enumerate(row)]
            lines.append(f"<tr>{''.join(cells)}</tr>")
        lines.append("</tbody>")
    lines.append("</table></div>")
    return "\n".join(lines)


def _html_cell(entry: Cell, left: bool, first: bool) -> str:
    attributes = ' class="left"' if left else ""
    if entry.title:
        attributes += f' title="{escape(entry.title)}"'
    if entry.failed is not None:
        tint = "0,114,178,0.22" if entry.failed == 0.0 else f"213,94,0,{0.12 + 0.48 * entry.failed:.2f}"
        attributes += f' style="background:rgba({tint})"'
    text = escape(entry.text)
    inside = f"<b>{text}</b>" if entry.best else text
    return f'<th scope="row"{attributes}>{inside}</th>' if first else f"<td{attributes}>{inside}</td>"


def to_markdown(table: Table) -> str:
    """A Markdown table."""
    named = bool(table.block_heading)
    headings = ((table.block_heading,) if named else ()) + table.headings
    left = table.left | {table.headings[0], table.block_heading}
    lines = [_line(headings), "|" + "|".join("---" if heading in left else "---:" for heading in headings) + "|"]
    for block in table.blocks:
        for row in block.rows:
            texts = [f"**{entry.text}**" if entry.best else entry.text for entry in row]
            lines.append(_line(([block.title] if named else []) + texts))
    return "\n".join(lines) + "\n"


def _line(texts: Sequence[str]) -> str:
    return "| " + " | ".join(text.replace("|", "\\|").replace("\u00a0", " ") for text in texts) + " |"


def to_rich(table: Table) -> RichTable:
    """A table for the terminal."""
    rich = RichTable(box=None, pad_edge=False, header_style="bold")
    left = table.left | {table.headings[0]}
    for heading in table.headings:
        rich.add_column(heading, justify="left" if heading in left else "right", no_wrap=True)
    for block in table.blocks:
        if block.title:
            rich.add_row(Text(block.title, style="bold dim"))
        for row in block.rows:
            rich.add_row(*(Text(entry.text, style="bold green" if entry.best else "") for entry in row))
        rich.add_section()
    return rich
