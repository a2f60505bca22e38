"""Which clips are kept, and what a loop comes to."""

from __future__ import annotations

from typing import Any

import pytest

from athena_wbc.synthesis.loop.record import (
    FREE,
    WORST_MM,
    clip_name,
    counts,
    fate,
    observations,
    summary,
    tracker_metrics,
)
from athena_wbc.synthesis.prompt import Prompt

ACCEPT = ("aligned", "partial")


def filtered(*passed: bool) -> dict[str, Any]:
    names = ("floating", "skating")
    return {
        "filters": [
            {"name": name, "passed": good, "reason": "" if good else f"{name} at frame 3"}
            for name, good in zip(names, passed, strict=True)
        ]
    }


def judged(verdict: str) -> dict[str, Any]:
    return {"judgement": {"verdict": verdict, "reason": f"shows {verdict}"}}


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ((filtered(True, True), judged("aligned"), {"written": True}), ("", "")),
        ((filtered(False, False), None, None), ("floating", "floating at frame 3")),
        ((filtered(True, False), None, None), ("skating", "skating at frame 3")),
        ((filtered(True, True), judged("mismatch"), None), ("mismatch", "shows mismatch")),
        ((filtered(True, True), judged("partial"), {"written": False, "reason": "slides"}), ("retargeting", "slides")),
        ((filtered(True, True), None, None), ("not judged", "no judgement was made")),
    ],
)
def test_the_first_that_objects_is_the_reason(rows: tuple[Any, ...], expected: tuple[str, str]) -> None:
    assert fate(*rows, ACCEPT) == expected


def test_what_is_accepted_is_configured() -> None:
    assert fate(filtered(True, True), judged("partial"), {"written": True}, ("aligned",))[0] == "partial"


def test_counts_begin_with_the_most_frequent() -> None:
    assert counts({"skating": 1, "floating": 12, "mismatch": 1}) == "12 floating, 1 mismatch, 1 skating"


def test_metrics_are_per_frame_at_thirty_a_second() -> None:
    row = {
        "SR": 0.5,
        "TIS": 0.4,
        "g_MPJPE_mm": 120.0,
        "l_MPJPE_mm": 60.0,
        "velocity_distance_m_per_s": 0.33,
        "acceleration_distance_m_per_s2": 9.0,
    }
    found = tracker_metrics(row, 30.0)
    # 0.33 m/s are 11 mm in a thirtieth of a second; 9 m/s^2 are 10 mm a frame and frame.
    assert (found.success, found.tis, found.mpjpe_g, found.mpjpe_l) == (0.5, 0.4, 120.0, 60.0)
    assert found.vel_dist == pytest.approx(11.0) and found.accel_dist == pytest.approx(10.0)
    lost = tracker_metrics(row | {"g_MPJPE_mm": None, "velocity_distance_m_per_s": float("inf")}, 30.0)
    assert (lost.mpjpe_g, lost.vel_dist) == (WORST_MM, WORST_MM)


def row(domain: str, kept: bool, tis: float = 0.0, success: float = 0.0, speed: float = 0.0) -> dict[str, Any]:
    metrics = {"success": success, "mpjpe_g": 1.0, "mpjpe_l": 1.0, "vel_dist": 1.0, "accel_dist": 1.0, "tis": tis}
    return {
        "clip": f"loop0_{domain}_000",
        "prompt": Prompt("walks", domain).as_dict(),
        "kept": kept,
        "dropped_by": "" if kept else "skating",
        "speed": {"mean": speed, "acceleration": 2.0 * speed} if kept else None,
        "duration": 2.0 if kept else 0.0,
        "judgement": {"judge": "j", "verdict": "aligned", "score": 90.0, "difficulty": 4.0} if kept else None,
        "metrics": metrics | {"success": 1.0} if kept else None,
        "fixed_metrics": metrics if kept else None,
        "loop": 0,
    }


def test_a_summary_by_hand() -> None:
    rows = [row("dance", True, 0.5, 1.0, 0.4), row("dance", True, 0.2, 0.0, 0.8), row("", False), row("sport", False)]
    found = summary(rows, {"SR": 1.0}, None, trained=3)
    assert (found["prompts"], found["kept"], found["trained"]) == (4, 2, 3)
    assert found["domains"] == {"dance": 2, FREE: 0, "sport": 0}
    assert found["dropped"] == {"skating": 2}
    assert found["difficulty"] == pytest.approx(0.65) and found["fixed_tracker_success"] == 0.5
    assert found["mean_speed"] == pytest.approx(0.6) and found["mean_acceleration"] == pytest.approx(1.2)
    assert found["judge_difficulty"] == 4.0 and found["tracker_success"] == 1.0 and found["duration"] == 4.0
    assert found["by_domain"]["sport"]["difficulty"] is None and found["heldout"] is None
    assert found["by_domain"]["dance"]["kept"] == 2


def test_judgements_of_another_judge_are_counted() -> None:
    """By their reason: the judge of an ensemble has another name than the configured one as well."""
    rows = [row("dance", True), row("dance", True), row("sport", True), row("sport", False)]
    rows[0]["judgement"] |= {"judge": "kinematic", "reason": "stands in for a model without an answer (gone)."}
    rows[1]["judgement"] |= {"judge": "vlm:a+vlm:b", "reason": "seen: one leg; who stands in for the other?"}
    found = summary(rows, {"SR": 1.0}, None, trained=3)
    assert found["stood_in"] == 1
    assert (found["by_domain"]["dance"]["stood_in"], found["by_domain"]["sport"]["stood_in"]) == (1, 0)


def test_a_scheduler_is_told_of_what_was_kept() -> None:
    found = observations([row("dance", True, 0.5), row("sport", False)], "clips.jsonl")
    assert [observation.clip for observation in found] == ["loop0_dance_000"]
    assert found[0].metrics.success == 1.0 and found[0].judgement.difficulty == 4.0
    assert found[0].prompt == Prompt("walks", "dance")


def test_names_tell_loop_and_domain() -> None:
    assert clip_name(1, 7, Prompt("walks", "dance")) == "loop1_dance_007"
    assert clip_name(0, 12, Prompt("walks")) == "loop0_free_012"
