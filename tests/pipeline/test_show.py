"""What a pipeline shows: times, findings, the table at the end, and what runs on a terminal."""

from __future__ import annotations

import io
from types import SimpleNamespace

import pytest
from rich.console import Console

from athena_wbc.pipeline.config import load_pipeline
from athena_wbc.pipeline.graph import Stage
from athena_wbc.pipeline.show import Screen, duration, results_table


def fake_plan(**stages: dict[str, object]) -> SimpleNamespace:
    """As much of a plan as is shown; double underscores stand for dots."""
    config = load_pipeline("demo")
    entries = {name.replace("__", "."): entry for name, entry in stages.items()}
    return SimpleNamespace(config=config, label="seed_1/", manifest=SimpleNamespace(stages=entries))


def row(rate: float, clips: int = 12) -> dict[str, float | int | None]:
    return {"SR": rate, "TIS": 0.5, "MPJPE_mm": 61.26, "MPJPE_W_mm": None, "clips": clips}


def shown(renderable: object) -> list[list[str]]:
    stream = io.StringIO()
    Console(file=stream, width=150).print(renderable)
    return [line.split() for line in stream.getvalue().splitlines() if line.strip()]


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0:00"), (75.2, "1:15"), (3599.6, "1:00:00"), (7384, "2:03:04")])
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_the_table_of_one_pipeline() -> None:
    plan = fake_plan(
        evaluate__finetune={"sets": {"full": row(0.75), "heldout": row(0.2, 3)}, "skipped_sets": {}},
        evaluate__general={"sets": {"full": row(0.5)}, "skipped_sets": {}},
        evaluate__balance={"status": "skipped"},
    )
    assert shown(results_table([plan]))[1:] == [
        ["full", "general", "12", "50.0", "0.500", "61.3"],
        ["finetune", "12", "75.0", "0.500", "61.3"],
        ["heldout", "finetune", "3", "20.0", "0.500", "61.3"],
    ]


def test_the_table_of_a_study_has_means_over_seeds() -> None:
    rates = (0.5, 0.7)
    plans = [fake_plan(evaluate__general={"sets": {"full": row(rate)}}) for rate in rates]
    plans[1].manifest.stages["evaluate.general"]["sets"]["residual"] = row(0.25, 4)
    first, second = shown(results_table(plans))[1:]
    # Two values d apart have the standard deviation d / sqrt 2.
    assert first[:6] == ["full", "general", "12", "60.0", "±", "14.1"]
    assert second[:4] == ["residual", "general", "4", "25.0"]


def test_a_terminal_sees_what_runs() -> None:
    worker = SimpleNamespace(
        plan=fake_plan(), stage=Stage("general", "train"), seconds=75.0, last_line=lambda: "iteration 7: [reward 1]"
    )
    stream = io.StringIO()
    screen = Screen(Console(file=stream, force_terminal=True, width=100))
    screen.refresh([worker])
    screen.close()
    assert "seed_1/general 1:15  iteration 7: [reward 1]" in stream.getvalue()
    silent = io.StringIO()
    screen = Screen(Console(file=silent))
    screen.refresh([worker])
    screen.close()
    assert silent.getvalue() == ""
