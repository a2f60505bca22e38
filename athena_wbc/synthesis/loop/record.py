"""What a loop has come to: which clips are kept and why not the others, and its figures. Pure functions of records."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from athena_wbc.synthesis.prompt import Prompt, prompt_from_dict
from athena_wbc.synthesis.records import Judgement, Observation, TrackerMetrics, record_from, stood_in

FREE = "free text"
"""Where prompts without a domain are counted."""

RETARGETING = "retargeting"
"""Reason of a motion that the robot cannot show well enough."""

WORST_MM = 3000.0
"""Distance that stands for one that was never measured, mm: where rollouts are cut."""


def clip_name(loop: int, number: int, prompt: Prompt) -> str:
    """Name of a clip: ``loop1_dance_007``; the number counts the loop's prompts."""
    return f"loop{loop}_{prompt.domain or 'free'}_{number:03d}"


def domain_of(prompt: Mapping[str, Any]) -> str:
    """Domain of a prompt as plain values, or :data:`FREE`."""
    return str(prompt.get("domain") or FREE)


def fate(
    filtered: Mapping[str, Any],
    judged: Mapping[str, Any] | None,
    retargeted: Mapping[str, Any] | None,
    accept: Sequence[str],
) -> tuple[str, str]:
    """By what a motion was dropped, and why in words; two empty texts where it is kept.

    Args:
        filtered: its line of ``filters.jsonl``.
        judged: of ``judgements.jsonl``; None where it did not come so far.
        retargeted: of ``retarget.jsonl``; None where it did not come so far.
        accept: verdicts with which a motion is kept.
    """
    for result in filtered["filters"]:
        if not result["passed"]:
            return str(result["name"]), str(result["reason"])
    if judged is None:
        return "not judged", "no judgement was made"
    judgement = judged["judgement"]
    if judgement["verdict"] not in accept:
        return str(judgement["verdict"]), str(judgement["reason"])
    if retargeted is None:
        return RETARGETING, "was not retargeted"
    return ("", "") if retargeted["written"] else (RETARGETING, str(retargeted["reason"]))


def counts(reasons: Mapping[str, int]) -> str:
    """``12 floating, 3 skating``, the most frequent first."""
    ordered = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{count} {reason}" for reason, count in ordered)


def tracker_metrics(row: Mapping[str, Any], published_fps: float) -> TrackerMetrics:
    """A row of an evaluation's ``clips.csv`` as CLAIMS has it: distances a frame at 30 a second, in mm.

    Args:
        row: numbers by column; None where a value is not defined.
        published_fps: rate at which velocities were taken, Hz.
    """

    def value(key: str, factor: float = 1.0) -> float:
        found = row.get(key)
        return WORST_MM if found is None or not math.isfinite(found) else factor * found

    return TrackerMetrics(
        success=float(row["SR"]),
        mpjpe_g=value("g_MPJPE_mm"),
        mpjpe_l=value("l_MPJPE_mm"),
        vel_dist=value("velocity_distance_m_per_s", 1000.0 / published_fps),
        accel_dist=value("acceleration_distance_m_per_s2", 1000.0 / published_fps**2),
        tis=float(row["TIS"]),
    )


def observations(rows: Sequence[Mapping[str, Any]], where: str) -> list[Observation]:
    """What a scheduler is told about the clips of a loop, from the lines of its ``clips.jsonl``; those kept alone."""
    found = []
    for row in rows:
        if not row["kept"]:
            continue
        here = f"{where}: {row['clip']}"
        found.append(
            Observation(
                clip=row["clip"],
                prompt=prompt_from_dict(row["prompt"], here),
                metrics=None if row["metrics"] is None else record_from(TrackerMetrics, row["metrics"], here),
                judgement=None if row["judgement"] is None else record_from(Judgement, row["judgement"], here),
                loop=int(row["loop"]),
            )
        )
    return found


def summary(
    rows: Sequence[Mapping[str, Any]], tracker: Mapping[str, Any], heldout: Mapping[str, Any] | None, trained: int
) -> dict[str, Any]:
    """Figures of a loop.

    Args:
        rows: lines of ``clips.jsonl``.
        tracker: figures of the loop's tracker on what it was evaluated on.
        heldout: of the same on the held-out motions, if there are any.
        trained: clips that it was trained on.

    Returns:
        ``domains`` (clips kept of each domain), ``prompts``, ``kept`` and ``dropped`` (by reason), ``mean_speed`` of
        the robot's bodies over the clips kept (m/s), ``fixed_tracker_success``, ``difficulty`` (1 - mean TIS of the
        fixed tracker), ``stood_in`` (motions that another judge had to judge, as the one of the run gave no
        answer), ``judge_difficulty`` (1 to 10), ``tier``, the same ``by_domain``, and ``tracker``, ``heldout``.
        What was not measured is None.
    """
    kept = [row for row in rows if row["kept"]]
    names = list(dict.fromkeys(domain_of(row["prompt"]) for row in rows))
    by_domain = {name: _figures([row for row in rows if domain_of(row["prompt"]) == name]) for name in names}
    return {
        "domains": {name: figures["kept"] for name, figures in by_domain.items()},
        "trained": trained,
        **_figures(rows),
        "duration": sum(row["duration"] for row in kept),
        "by_domain": by_domain,
        "tracker": dict(tracker),
        "heldout": None if heldout is None else dict(heldout),
    }


def _figures(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    kept = [row for row in rows if row["kept"]]
    fixed = [row["fixed_metrics"] for row in kept if row["fixed_metrics"] is not None]
    own = [row["metrics"] for row in kept if row["metrics"] is not None]
    tis = _mean([metrics["tis"] for metrics in fixed])
    return {
        "prompts": len(rows),
        "kept": len(kept),
        "dropped": dict(sorted(Counter(row["dropped_by"] for row in rows if not row["kept"]).items())),
        "mean_speed": _mean([row["speed"]["mean"] for row in kept]),
        "mean_acceleration": _mean([row["speed"]["acceleration"] for row in kept]),
        "fixed_tracker_success": _mean([metrics["success"] for metrics in fixed]),
        "difficulty": None if tis is None else 1.0 - tis,
        "stood_in": stood_in(row["judgement"] for row in rows),
        "judge_difficulty": _mean([row["judgement"]["difficulty"] for row in kept if row["judgement"] is not None]),
        "tier": _mean([row["prompt"]["tier"] for row in kept]),
        "tracker_success": _mean([metrics["success"] for metrics in own]),
    }


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if len(values) else None
