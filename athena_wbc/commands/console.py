"""How commands print tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table

WIDE = 160
"""Columns where the output is no terminal: a file or a pipe should get whole names."""


def make_console() -> Console:
    """Return a console on the standard output, wide enough for whole names in a file or a pipe."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=WIDE)


def print_table(
    headings: Sequence[str],
    rows: Iterable[Sequence[str]],
    left: Sequence[str],
    console: Console | None = None,
) -> None:
    """Print ``rows`` below ``headings``; the columns named in ``left`` to the left, numbers to the right."""
    table = Table(box=None, pad_edge=False)
    for heading in headings:
        is_left = heading in left
        table.add_column(heading, justify="left" if is_left else "right", no_wrap=heading != left[-1])
    for row in rows:
        table.add_row(*row)
    (console or make_console()).print(table)
