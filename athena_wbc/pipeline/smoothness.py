"""The smoothness ablation: whether our variants come in the order of the paper's Table 5 and Figure 10."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from athena_wbc.pipeline.findings import Findings, mapping
from athena_wbc.pipeline.statistics import Interval, t_interval

SOURCE = "Athena-WBC, Table 5; high-frequency ratio from section 5.5"

MECHANISMS = {
    "sonic_base": "reward penalty",
    "no_smooth": "none",
    "dynamic_caps": "CAPS",
    "dynamic": "Grad-CAPS",
}
"""Recipe -> where its smoothness comes from, in the order of the table."""

PAPER: dict[str, dict[str, float]] = {
    "sonic_base": {"action_rate": 0.5447, "action_jerk": 0.4905, "high_frequency_ratio": 0.009},
    "no_smooth": {"action_rate": 1.4634, "action_jerk": 2.0091, "high_frequency_ratio": 0.063},
    "dynamic_caps": {"action_rate": 0.8463, "action_jerk": 0.8326, "high_frequency_ratio": 0.011},
    "dynamic": {"action_rate": 0.5627, "action_jerk": 0.5117, "high_frequency_ratio": 0.007},
}
"""The published values, of other data, another robot and a far larger training: only their order compares."""

PAPER_SUCCESS: dict[str, dict[str, float]] = {
    "sonic_base": {"AMASS SR": 98.18, "AMASS TIS": 0.7631, "Omni SR": 91.81, "Omni TIS": 0.7123},
    "no_smooth": {"AMASS SR": 99.46, "AMASS TIS": 0.7806, "Omni SR": 95.33, "Omni TIS": 0.7293},
    "dynamic_caps": {"AMASS SR": 98.75, "AMASS TIS": 0.7762, "Omni SR": 93.30, "Omni TIS": 0.7208},
    "dynamic": {"AMASS SR": 98.95, "AMASS TIS": 0.7762, "Omni SR": 93.39, "Omni TIS": 0.7351},
}
"""Success on the paper's two held-out sets, percent and 0 to 1."""

MEASURES = {"action_rate": "action rate", "action_jerk": "action jerk", "high_frequency_ratio": "high-frequency ratio"}


@dataclass(frozen=True)
class Pair:
    """Two variants, the one that the paper finds smoother first, in one measure."""

    smoother: str
    rougher: str
    agrees: bool
    """Whether the means have the paper's order."""
    seeds_agree: int
    seeds: int
    difference: Interval | None
    """Rougher minus smoother over seeds."""


@dataclass(frozen=True)
class Ordering:
    """The order of the variants in one measure."""

    measure: str
    ours: list[str]
    """Recipes, the smoothest first."""
    paper: list[str]
    means: dict[str, float]
    pairs: list[Pair]

    @property
    def reproduced(self) -> bool:
        """Whether every pair has the paper's order."""
        return all(pair.agrees for pair in self.pairs)

    def sentence(self) -> str:
        """What is to be said of it, in one line."""
        ours = " < ".join(f"{recipe} {self.means[recipe]:.3g}" for recipe in self.ours)
        paper = " < ".join(f"{recipe} {PAPER[recipe][self.measure]:.3g}" for recipe in self.paper)
        agreeing = sum(pair.agrees for pair in self.pairs)
        verdict = "the paper's order is reproduced" if self.reproduced else "the paper's order is not reproduced"
        told = (
            f"{MEASURES[self.measure]}: {verdict} ({agreeing} of {len(self.pairs)} pairs); ours {ours}; paper {paper}"
        )
        if not self.pairs or self.pairs[0].seeds < 2:
            return told + "; one seed"
        sure = sum(pair.difference is not None and pair.difference.excludes_zero for pair in self.pairs)
        every = sum(pair.seeds_agree == pair.seeds for pair in self.pairs)
        return (
            told + f"; {every} pairs have it in every one of {self.pairs[0].seeds} seeds, {sure} differences exclude 0"
        )

    def record(self) -> dict[str, Any]:
        """The same for a JSON file."""
        return {
            "measure": self.measure,
            "ours": self.ours,
            "paper": self.paper,
            "paper_values": {recipe: PAPER[recipe][self.measure] for recipe in self.paper},
            "means": self.means,
            "reproduced": self.reproduced,
            "pairs": [
                {
                    "smoother": pair.smoother,
                    "rougher": pair.rougher,
                    "agrees": pair.agrees,
                    "seeds_agree": pair.seeds_agree,
                    "seeds": pair.seeds,
                    "low": None if pair.difference is None else pair.difference.low,
                    "high": None if pair.difference is None else pair.difference.high,
                }
                for pair in self.pairs
            ],
            "sentence": self.sentence(),
        }


def ordering(values: Mapping[str, Sequence[float]], measure: str) -> Ordering:
    """Compare the order of variants with the paper's.

    Args:
        values: recipe -> the measure in every seed, the same seeds for all.
        measure: a name of ``MEASURES``.
    """
    means = {recipe: sum(found) / len(found) for recipe, found in values.items()}
    paper = sorted(values, key=lambda recipe: PAPER[recipe][measure])
    pairs = []
    for smoother, rougher in combinations(paper, 2):
        gaps = [high - low for low, high in zip(values[smoother], values[rougher], strict=True)]
        pairs.append(
            Pair(
                smoother=smoother,
                rougher=rougher,
                agrees=means[smoother] < means[rougher],
                seeds_agree=sum(gap > 0.0 for gap in gaps),
                seeds=len(gaps),
                difference=t_interval(gaps),
            )
        )
    return Ordering(measure, sorted(means, key=means.__getitem__), paper, means, pairs)


def variants(run: Findings) -> dict[str, str]:
    """Recipe -> policy of the variants that a pipeline has evaluated, in the order of the table."""
    evaluated = {policy for policy, _ in run.evaluations}
    by_recipe: dict[str, str] = {}
    for policy in run.policies:
        recipe = run.recipe(policy)
        if policy in evaluated and recipe in MECHANISMS and (recipe not in by_recipe or policy == recipe):
            by_recipe[recipe] = policy
    return {recipe: by_recipe[recipe] for recipe in MECHANISMS if recipe in by_recipe}


def further_variants(run: Findings, found: Mapping[str, str]) -> dict[str, str]:
    """Policy -> where its smoothness comes from, of policies with a recipe of the table and changes of their own.

    They stand in the table, but not in the order: the paper has no such row.
    """
    planned = mapping(run.config.get("policies"))
    further = {}
    for policy in run.policies:
        recipe = run.recipe(policy)
        if recipe in MECHANISMS and policy not in found.values():
            overrides = mapping(planned.get(policy)).get("overrides")
            changes = [str(change) for change in overrides] if isinstance(overrides, list) else []
            further[policy] = ", ".join((MECHANISMS[recipe], *changes))
    return further


def ablation_set(runs: Sequence[Findings], found: Mapping[str, str]) -> str | None:
    """The set to compare the variants on: the one with most of them, held-out clips and the full set first.

    None where fewer than two variants were evaluated on the same set.
    """
    preference = ("heldout", "full")
    counts: dict[str, int] = {}
    for run in runs:
        for set_name in run.sets:
            counts[set_name] = counts.get(set_name, 0)
            counts[set_name] += sum((policy, set_name) in run.evaluations for policy in found.values())
    enough = {name: count for name, count in counts.items() if count >= 2 * len(runs)}
    if not enough:
        return None
    return max(enough, key=lambda name: (enough[name], name == preference[0], name == preference[1]))


def orderings(runs: Sequence[Findings], found: Mapping[str, str], set_name: str) -> list[Ordering]:
    """The order of the variants in every measure, over the seeds that have all variants."""
    result = []
    for measure in MEASURES:
        rows = [{recipe: run.value(policy, set_name, measure) for recipe, policy in found.items()} for run in runs]
        have = [recipe for recipe in found if any(row[recipe] is not None for row in rows)]
        whole = [row for row in rows if all(row[recipe] is not None for recipe in have)]
        if len(have) >= 2 and whole:
            result.append(ordering({recipe: [float(row[recipe] or 0.0) for row in whole] for recipe in have}, measure))
    return result
