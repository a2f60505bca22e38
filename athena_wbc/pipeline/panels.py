"""What the report's figures draw, from what one pipeline or a study has left."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from athena_wbc.pipeline import figures
from athena_wbc.pipeline.clip_tables import before_and_after
from athena_wbc.pipeline.comparison import Comparison
from athena_wbc.pipeline.curves import Curve
from athena_wbc.pipeline.figures import Line
from athena_wbc.pipeline.findings import Findings
from athena_wbc.pipeline.report_tables import all_policies, all_sets, clip_count
from athena_wbc.pipeline.verdict import BASELINES, first_and_last, with_recipe

_TRAINING = {
    "reward/total": ("reward of an episode", 1.0),
    "episode/length": ("episode length (control steps)", 1.0),
    "ending/time_out": ("episodes that survive to their end (%)", 100.0),
    "sampler/hardest": ("sampler: difficulty of the hardest clip", 1.0),
    "sampler/entropy": ("sampler: entropy over clips (1: uniform)", 1.0),
    "curriculum/gravity": ("gravity curriculum: alpha", 1.0),
    "loss/distillation": ("distillation loss", 1.0),
    "loss/kl": ("KL divergence of an update", 1.0),
    "policy/action_std": ("standard deviation of the actions", 1.0),
}
"""Figure of the log -> title and factor."""

MOST_BARS = 36
"""Rows of the figure of differences; the table holds all."""


def tolerance(runs: Sequence[Findings]) -> Figure | None:
    """Success-tolerance curves of all policies on each set; in a study their mean and range over seeds."""
    panels: dict[str, dict[str, Line]] = {}
    for set_name in all_sets(runs):
        lines = {}
        for policy in all_policies(runs):
            found = [run.evaluations[policy, set_name].curve for run in runs if (policy, set_name) in run.evaluations]
            line = _mean_line([curve for curve in found if curve is not None])
            if line is not None:
                lines[policy] = line
        if lines:
            panels[f"{set_name} ({clip_count(runs, list(lines), set_name)})"] = lines
    return figures.tolerance_figure(panels) if panels else None


def training(runs: Sequence[Findings]) -> Figure | None:
    """Learning curves of every policy that left events, in every seed."""
    panels: dict[str, dict[str, list[Curve]]] = {}
    for tag, (title, factor) in _TRAINING.items():
        lines = {}
        for policy in all_policies(runs):
            curves = [run.curves[policy][tag] for run in runs if tag in run.curves.get(policy, {})]
            if curves:
                lines[policy] = [Curve(curve.steps, factor * curve.values) for curve in curves]
        if lines:
            panels[title] = lines
    return figures.training_figure(panels, frozenset({_TRAINING["loss/distillation"][0]})) if panels else None


def spectrum(runs: Sequence[Findings], set_name: str) -> Figure | None:
    """Action spectra on a set, and each policy's high-frequency ratio against the baseline's, clip by clip."""
    lines, scatter = {}, {}
    bases = with_recipe(runs, ("sonic_base", "general"), set_name) or with_recipe(runs, BASELINES, set_name)
    for policy in all_policies(runs):
        found = [run.evaluations[policy, set_name].spectrum for run in runs if (policy, set_name) in run.evaluations]
        line = _mean_line([spectrum for spectrum in found if spectrum is not None])
        if line is not None:
            lines[policy] = Line(line.x, line.y)
        if bases and policy != bases[0]:
            points = _ratios(runs, bases[0], policy, set_name)
            if len(points):
                scatter[policy] = points
    return figures.spectrum_figure(lines, scatter, bases[0] if bases else "") if lines else None


def rougher_sentences(runs: Sequence[Findings], set_name: str) -> list[str]:
    """On how many clips each policy has the higher high-frequency ratio than the baseline."""
    bases = with_recipe(runs, ("sonic_base", "general"), set_name)
    sentences = []
    for policy in all_policies(runs) if bases else []:
        points = _ratios(runs, bases[0], policy, set_name) if policy != bases[0] else np.zeros((0, 2))
        if len(points):
            above = int((points[:, 1] > points[:, 0]).sum())
            sentences.append(f"{policy} {above} of {len(points)}")
    return sentences and [f"Clips with a higher high-frequency ratio than {bases[0]}: {', '.join(sentences)}."]


def change(runs: Sequence[Findings], set_name: str = "full") -> tuple[Figure, str, str] | None:
    """TIS of every clip with the first and with the last policy; the figure and the policies' names."""
    ends = first_and_last(runs, set_name)
    clips = before_and_after(runs, *ends, set_name, "TIS") if ends else []
    if not ends or not clips:
        return None
    return figures.before_after_figure(clips, *ends, f"TIS on {set_name}"), *ends


def differences(comparisons: Sequence[Comparison]) -> Figure | None:
    """Differences of success rate and TIS with their intervals."""
    panels: dict[str, list[tuple[str, float, float | None, float | None]]] = {}
    for title, value, factor in (("SR (points)", "SR", 100.0), ("TIS", "TIS", 1.0)):
        rows = []
        for entry in comparisons:
            interval = entry.main
            if entry.value == value and interval is not None:
                borders = [None if border is None else factor * border for border in (interval.low, interval.high)]
                rows.append((f"{entry.first} − {entry.second}, {entry.set}", factor * interval.mean, *borders))
        panels[title] = rows[:MOST_BARS]
    whole = panels["SR (points)"] and len(panels["SR (points)"]) == len(panels["TIS"])
    return figures.difference_figure(panels) if whole else None


def _ratios(runs: Sequence[Findings], base: str, policy: str, set_name: str) -> np.ndarray:
    """(M, 2) high-frequency ratios of two policies on the clips of all runs."""
    points = []
    for run in runs:
        first, second = run.evaluations.get((base, set_name)), run.evaluations.get((policy, set_name))
        if first is None or second is None:
            continue
        for clip, row in first.clips.items():
            pair = row.get("high_frequency_ratio"), second.clips.get(clip, {}).get("high_frequency_ratio")
            if pair[0] and pair[1]:
                points.append(pair)
    return np.array(points).reshape(-1, 2)


def _mean_line(found: Sequence[tuple[np.ndarray, np.ndarray]]) -> Line | None:
    """Mean and range of curves on the same grid; those on another grid than the first are left out."""
    if not found:
        return None
    grid = found[0][0]
    values = np.stack([y for x, y in found if x.shape == grid.shape and np.allclose(x, grid)])
    if len(values) < 2:
        return Line(grid, values[0])
    return Line(grid, values.mean(axis=0), values.min(axis=0), values.max(axis=0))
