"""What a pipeline came to, in sentences that the numbers alone decide."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from athena_wbc.pipeline.comparison import Comparison, compare
from athena_wbc.pipeline.findings import Findings
from athena_wbc.pipeline.smoothness import ablation_set, orderings, variants
from athena_wbc.pipeline.tabular import counted, shown

BASELINES = ("general", "sonic_base")
FINAL = ("finetune", "student")
EXPERTS = ("dynamic", "balance")
CONTROL = "residual_control"


def over_runs(runs: Sequence[Findings], policy: str, set_name: str, name: str) -> np.ndarray:
    """(n,) a number of ``metrics.json`` in every run that has it."""
    values = [run.value(policy, set_name, name) for run in runs]
    return np.array([value for value in values if value is not None])


def average(runs: Sequence[Findings], policy: str, set_name: str, name: str) -> float | None:
    """Its mean over the runs that have it."""
    values = over_runs(runs, policy, set_name, name)
    return float(values.mean()) if len(values) else None


def with_recipe(runs: Sequence[Findings], recipes: Sequence[str], set_name: str) -> list[str]:
    """Policies that were trained with one of the recipes and evaluated on the set, in the recipes' order."""
    found = []
    for recipe in recipes:
        for run in runs:
            for policy in run.policies:
                if run.recipe(policy) == recipe and (policy, set_name) in run.evaluations and policy not in found:
                    found.append(policy)
    return found


def first_and_last(runs: Sequence[Findings], set_name: str) -> tuple[str, str] | None:
    """The policy that the pipeline began with and the one that it ended with, on a set."""
    before, after = with_recipe(runs, BASELINES, set_name), with_recipe(runs, FINAL, set_name)
    return (before[0], after[0]) if before and after else None


def verdict(runs: Sequence[Findings]) -> list[str]:
    """The headline's sentences; what was not measured is not in them."""
    sentences = [*_full(runs), *_residual(runs), *_smoothness(runs)]
    return sentences or ["Nothing was evaluated yet, so there is nothing to say."]


def _full(runs: Sequence[Findings]) -> list[str]:
    sentences = []
    for set_name in ("full", "heldout"):
        ends = first_and_last(runs, set_name)
        if ends is None:
            continue
        before, after = ends
        difference = compare(runs, after, before, set_name, "SR")
        sentences.append(
            f"On the {_named(runs, set_name)} the success rate goes from {_percent(runs, before, set_name)} % "
            f"({before}) to {_percent(runs, after, set_name)} % ({after}){_points(difference)}; TIS from "
            f"{shown(average(runs, before, set_name, 'TIS'), 3)} to {shown(average(runs, after, set_name, 'TIS'), 3)}."
        )
    return sentences


def _residual(runs: Sequence[Findings]) -> list[str]:
    if any(run.residual is not None and not run.residual["clips"] for run in runs):
        empty = sum(run.residual is not None and not run.residual["clips"] for run in runs)
        told = "The teacher left no residual clip, so no expert had anything to learn."
        if empty == len(runs):
            return [told]
    experts = with_recipe(runs, EXPERTS, "residual")
    if not experts:
        return []
    parts = [f"the expert {expert} succeeds in {_percent(runs, expert, 'residual')} %" for expert in experts]
    for policy in with_recipe(runs, BASELINES, "residual")[:1]:
        parts.append(f"{policy} in {_percent(runs, policy, 'residual')} %")
    control = next(iter(with_recipe(runs, (CONTROL,), "residual")), None)
    if control is not None:
        parts.append(
            f"the control that only trained on these clips ({control}) in {_percent(runs, control, 'residual')} %"
        )
    sentence = f"On the {_named(runs, 'residual')} {', '.join(parts)}."
    # Each expert, not the best of them: chosen by the rollouts that judge it, the best one would be flattered.
    tests = [_against_control(runs, expert, control) for expert in experts] if control is not None else []
    return [sentence, *filter(None, tests)]


def _against_control(runs: Sequence[Findings], expert: str, control: str) -> str | None:
    """What an expert adds to the exposure, in a sentence; None where the two do not compare."""
    difference = compare(runs, expert, control, "residual", "SR")
    if difference is None or difference.main is None:
        return None
    interval = difference.main
    if difference.better == difference.worse == 0:
        return f"The expert {expert} and the control succeed equally often on every clip of it."
    if interval.low is None:
        shows = "too little was measured to say what the recipe adds to the exposure"
    elif interval.excludes_zero:
        shows = "the recipe does more than the exposure" if interval.mean > 0.0 else "the exposure alone does more"
    else:
        shows = "what the recipe adds to the exposure is not told from zero"
    return f"The expert {expert} against the control{_points(difference)}: {shows}."


def _smoothness(runs: Sequence[Findings]) -> list[str]:
    found = variants(runs[0])
    set_name = ablation_set(runs, found)
    if set_name is None:
        return []
    return [
        f"Smoothness on the {_named(runs, set_name)}, {entry.sentence()}." for entry in orderings(runs, found, set_name)
    ]


def _named(runs: Sequence[Findings], set_name: str) -> str:
    counts = sorted(
        {int(n) for run in runs for p in run.policies if (n := run.value(p, set_name, "clips")) is not None}
    )
    if not counts:
        return f"{set_name} set"
    clips = counted(counts[0], "clip") if len(counts) == 1 else f"{counts[0]} to {counts[-1]} clips"
    return f"{set_name} set ({clips})"


def _percent(runs: Sequence[Findings], policy: str, set_name: str) -> str:
    return shown(average(runs, policy, set_name, "SR"), 1, 100.0)


def _points(difference: Comparison | None) -> str:
    if difference is None or difference.main is None:
        return ""
    interval = difference.main
    told = f", {shown(interval.mean, 1, 100.0, sign=True)} points"
    if interval.low is None:
        return told
    low, high = (shown(border, 1, 100.0, sign=True) for border in (interval.low, interval.high))
    what = "seeds" if difference.over_clips is None else "clips"
    return f"{told} (95 % interval over {interval.count} {what}: {low} to {high})"
