"""Figures: their colours, and SVG that can stand inside a page."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from athena_wbc.pipeline import figures
from athena_wbc.pipeline.curves import Curve
from athena_wbc.pipeline.figures import Line, marker, style, to_svg
from athena_wbc.pipeline.findings import POLICIES

GRID = np.linspace(0.0, 6.0, 25)
LINES = {"general": Line(GRID, GRID / 6.0), "mine": Line(GRID, GRID / 6.0, GRID / 7.0, GRID / 5.0)}


def luminance(colour: str) -> float:
    """Relative luminance of the WCAG."""
    channels = [int(colour[k : k + 2], 16) / 255.0 for k in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))


def test_policies_can_be_told_apart() -> None:
    styles = [tuple(style(policy).values()) for policy in POLICIES]
    assert len(set(styles)) == len(POLICIES)
    pipeline = POLICIES[1:2] + POLICIES[4:]
    assert len({marker(policy) for policy in pipeline}) == len(pipeline)
    assert style("mine") == style("mine") and tuple(style("mine").values()) not in styles


@pytest.mark.parametrize("policy", POLICIES)
def test_colours_show_on_light_and_on_dark_ground(policy: str) -> None:
    own = luminance(style(policy)["color"])
    for ground in (luminance("#ffffff"), luminance("#15181c")):
        light, dark = max(own, ground), min(own, ground)
        assert (light + 0.05) / (dark + 0.05) > 2.0


DRAWN = {
    "tolerance": lambda: figures.tolerance_figure({"full": LINES, "residual": LINES}),
    "training": lambda: figures.training_figure(
        {"loss": {"general": [Curve(np.arange(50), np.arange(1.0, 51.0))] * 3}}, frozenset({"loss"})
    ),
    "spectrum": lambda: figures.spectrum_figure(LINES, {"mine": np.array([[0.01, 0.02], [0.02, 0.01]])}, "general"),
    "empty spectrum": lambda: figures.spectrum_figure({"general": Line(GRID, 0.0 * GRID)}, {}, ""),
    "change": lambda: figures.before_after_figure([("walk & <run>", 0.5, 0.7), ("kick", 0.9, 0.1)], "a", "b", "TIS"),
    "differences": lambda: figures.difference_figure({"SR": [("a − b", 0.1, -0.1, 0.3), ("c − d", 0.2, None, None)]}),
}


@pytest.mark.parametrize("name", DRAWN)
def test_svg_stands_inside_a_page(name: str) -> None:
    svg = to_svg(DRAWN[name](), "name", 'what it "shows" & how')
    root = ElementTree.fromstring(svg)
    assert root.get("aria-label") == 'what it "shows" & how' and root.get("width") is None
    ids = re.findall(r'\bid="([^"]+)"', svg)
    assert ids and len(set(ids)) == len(ids) and all(name.startswith("name-") for name in ids)
    for target in re.findall(r'(?:url\(#|href="#)([^")]+)', svg):
        assert target in ids
    assert "currentColor" in svg and figures.INK not in svg
    assert "<style" not in svg and "<metadata" not in svg
    assert to_svg(DRAWN[name](), "name", 'what it "shows" & how') == svg


def test_a_curve_ends_at_the_border() -> None:
    # A success at the last tolerance that is drawn would be a stroke along the frame.
    late = Line(GRID, (GRID >= 3.0).astype(float))
    (panel,) = figures.tolerance_figure({"full": {"general": late}}).axes
    (curve,) = [line for line in panel.lines if len(line.get_xdata()) > 2]
    assert curve.get_xdata()[-1] == 3.0 and curve.get_ydata().max() == 0.0
