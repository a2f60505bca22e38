"""The report's page: one HTML file without a script, a font or a picture from elsewhere."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

_CSS = """
:root { color-scheme: light dark; --ground: #ffffff; --ink: #22272e; --dim: #5b6470; --rule: #d6dae0; --soft: #f4f6f8; }
@media (prefers-color-scheme: dark) {
  :root { --ground: #15181c; --ink: #dfe3e8; --dim: #9aa4b0; --rule: #353b43; --soft: #1f242a; }
}
@media print {
  :root { --ground: #ffffff; --ink: #000000; --dim: #444444; --rule: #bbbbbb; --soft: #f4f4f4; }
  body { font-size: 9.5pt; } nav { display: none; } .scroll { overflow: visible; }
  section > h2 { break-after: avoid; } figure, tr { break-inside: avoid; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem 1.25rem 4rem; max-width: 74rem; background: var(--ground); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", "Helvetica Neue", Arial, sans-serif;
  print-color-adjust: exact; -webkit-print-color-adjust: exact; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .3rem; }
h2 { font-size: 1.2rem; margin: 2.4rem 0 .5rem; padding-top: .5rem; border-top: 1px solid var(--rule); }
h3 { font-size: 1rem; margin: 1.4rem 0 .3rem; }
p, ul, ol { max-width: 62rem; margin: .45rem 0; }
.dim, figcaption, caption { color: var(--dim); font-size: .87rem; }
.verdict { background: var(--soft); border-left: 4px solid #1f77b4; padding: .6rem .9rem; margin: .9rem 0; }
.verdict p { margin: .25rem 0; font-size: 1.02rem; }
.notes { background: var(--soft); border-left: 4px solid #e69f00; padding: .5rem .9rem; margin: .9rem 0; }
.notes ul { margin: .2rem 0; padding-left: 1.2rem; }
nav { font-size: .9rem; margin: .6rem 0; } nav a { margin-right: 1rem; white-space: nowrap; }
a { color: inherit; text-underline-offset: 2px; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; margin: .8rem 0; }
dt { color: var(--dim); } dd { margin: 0; }
.scroll { overflow-x: auto; margin: .6rem 0; }
table { border-collapse: collapse; font-size: .87rem; font-variant-numeric: tabular-nums; }
th, td { padding: .2rem .55rem; text-align: right; white-space: nowrap; font-weight: normal; }
th.left, td.left { text-align: left; }
thead th { font-weight: 600; vertical-align: bottom; white-space: normal; border-bottom: 1px solid var(--ink); }
thead th[title] { text-decoration: underline dotted var(--dim); text-underline-offset: 3px; }
tr.block th { text-align: left; font-weight: 600; padding-top: .6rem; }
tbody tr:not(.block) + tr:not(.block) > * { border-top: 1px solid var(--rule); }
tbody:last-child tr:last-child > * { border-bottom: 1px solid var(--ink); }
table.heat td { border-left: 2px solid var(--ground); }
table.stages td:last-child, table.differences td { white-space: normal; }
figure { margin: .8rem 0 1.2rem; } figure svg { width: 100%; height: auto; display: block; }
figure img { max-width: 100%; height: auto; border: 1px solid var(--rule); background: #ffffff; }
details { margin: .6rem 0; } summary { cursor: pointer; }
pre { background: var(--soft); padding: .6rem .8rem; overflow-x: auto; font-size: .85rem; }
"""


@dataclass(frozen=True)
class Section:
    """A part of the page."""

    key: str
    """Of the link to it."""
    title: str
    body: str


def document(title: str, head: str, sections: Sequence[Section], footer: str) -> str:
    """The whole page.

    Args:
        title: of the page.
        head: HTML above the first section.
        sections: those with a body; each becomes a link at the top.
        footer: HTML below the last one.
    """
    shown = [section for section in sections if section.body]
    links = "".join(f'<a href="#{section.key}">{escape(section.title)}</a>' for section in shown)
    parts = [
        f'<section id="{section.key}">\n<h2>{escape(section.title)}</h2>\n{section.body}\n</section>'
        for section in shown
    ]
    body = "\n".join(parts)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_CSS}</style>\n</head>\n<body>\n"
        f"<header>\n<h1>{escape(title)}</h1>\n{head}\n<nav>{links}</nav>\n</header>\n<main>\n{body}\n</main>\n"
        f"<footer>{footer}</footer>\n</body>\n</html>\n"
    )


def paragraph(text: str, kind: str = "") -> str:
    """A paragraph of plain text."""
    return f"<p{_class(kind)}>{escape(text)}</p>"


def box(lines: Sequence[str], kind: str) -> str:
    """Sentences that stand out."""
    return f"<div{_class(kind)}>{''.join(paragraph(line) for line in lines)}</div>" if lines else ""


def bullets(title: str, lines: Sequence[str], kind: str) -> str:
    """A list below a title; nothing without lines."""
    if not lines:
        return ""
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f"<div{_class(kind)}><b>{escape(title)}</b><ul>{items}</ul></div>"


def definitions(entries: Iterable[tuple[str, str]]) -> str:
    """Names and what they are."""
    return "<dl>" + "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in entries) + "</dl>"


def figure(content: str, caption: str) -> str:
    """An SVG or image element with its caption in plain text."""
    return f"<figure>{content}<figcaption>{escape(caption)}</figcaption></figure>"


def picture(path: Path, caption: str) -> str:
    """A PNG file inside the page."""
    return picture_bytes(path.read_bytes(), caption)


def picture_bytes(png: bytes, caption: str) -> str:
    """A PNG inside the page."""
    data = base64.b64encode(png).decode("ascii")
    return figure(f'<img alt="{escape(caption)}" src="data:image/png;base64,{data}">', caption)


def details(summary: str, body: str) -> str:
    """What is shown on demand."""
    return f"<details><summary>{escape(summary)}</summary>{body}</details>"


def commands(lines: Sequence[str]) -> str:
    """Command lines to copy."""
    return f"<pre>{escape(chr(10).join(lines))}</pre>"


def _class(kind: str) -> str:
    return f' class="{kind}"' if kind else ""
