"""One table, three forms."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from athena_wbc.pipeline.tabular import (
    Block,
    Cell,
    Table,
    seconds_text,
    shown,
    significant,
    to_html,
    to_markdown,
    to_rich,
)

TABLE = Table(
    ("policy", "SR %"),
    [
        Block("full", [[Cell("general"), Cell("75.0")], [Cell("<b>|&"), Cell("80.0", best=True)]]),
        Block("residual", [[Cell("general"), Cell("0.0", failed=1.0, title='by "yaw"')]]),
    ],
    titles={"SR %": "success rate"},
    block_heading="set",
)


def test_html_is_escaped_and_marked() -> None:
    html = to_html(TABLE)
    assert "&lt;b&gt;|&amp;" in html and "<b>|" not in html
    assert "<td><b>80.0</b></td>" in html
    assert 'title="by &quot;yaw&quot;"' in html and "rgba(213,94,0,0.60)" in html
    assert '<th scope="col" title="success rate">SR %</th>' in html
    assert html.count("<tbody>") == html.count("</tbody>") == 2
    assert '<th colspan="2" scope="rowgroup">full</th>' in html


def test_markdown_names_the_block() -> None:
    assert to_markdown(TABLE).splitlines() == [
        "| set | policy | SR % |",
        "|---|---|---:|",
        "| full | general | 75.0 |",
        "| full | <b>\\|& | **80.0** |",
        "| residual | general | 0.0 |",
    ]


def test_the_terminal_shows_every_row() -> None:
    console = Console(file=io.StringIO(), width=80)
    console.print(to_rich(TABLE))
    lines = [line.split() for line in console.file.getvalue().splitlines() if line.strip()]
    assert lines == [
        ["policy", "SR", "%"],
        ["full"],
        ["general", "75.0"],
        ["<b>|&", "80.0"],
        ["residual"],
        ["general", "0.0"],
    ]


@pytest.mark.parametrize(
    ("value", "text"), [(None, "–"), (0.5, "+50.0"), (-0.25, "−25.0"), (-0.0001, "0.0"), (0.0, "0.0")]
)
def test_differences(value: float | None, text: str) -> None:
    assert shown(value, 1, 100.0, sign=True) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), (0.0, "0"), (0.0136, "0.0136"), (0.648, "0.648"), (1.4634, "1.46"), (75.0, "75.0"), (341.5, "342")],
)
def test_three_digits(value: float | None, text: str) -> None:
    assert significant(value) == text


@pytest.mark.parametrize(("seconds", "text"), [(None, "–"), (12.4, "12 s"), (90.0, "1.5 min"), (7260.0, "2 h 01 min")])
def test_durations(seconds: float | None, text: str) -> None:
    assert seconds_text(seconds) == text
