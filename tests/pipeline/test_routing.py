"""Which teacher gets which clip, by hand."""

from __future__ import annotations

import io
import math

import numpy as np
import pytest
from rich.console import Console

from athena_wbc.errors import AthenaError
from athena_wbc.pipeline.routing import routing_record, select_routes
from athena_wbc.pipeline.tables import print_routing
from tests.pipeline.made import make_results

INF = math.inf
BANK = ("general", "dynamic", "balance")


def test_the_highest_success_rate_wins() -> None:
    success = np.array([[1.0, 0.2, 0.0, 0.5], [0.9, 0.3, 0.0, 0.7], [0.1, 0.9, 0.1, 0.6]])
    # Whatever the scales are: those only part equals.
    scale = np.array([[9.0, 0.1, 0.1, 0.1], [0.1, 0.1, 0.1, 9.0], [0.1, 9.0, INF, 0.1]])
    for tie in ("first", "critical_scale"):
        winner, tied = select_routes(success, scale, tie)
        assert winner.tolist() == [0, 2, 2, 1]
        assert not tied.any()


def test_ties_go_to_the_first_of_the_equals() -> None:
    success = np.array([[1.0, 0.5, 0.0, 1.0], [1.0, 0.8, 0.0, 0.4], [0.9, 0.8, 0.0, 1.0]])
    winner, tied = select_routes(success, np.zeros_like(success))
    assert winner.tolist() == [0, 1, 0, 0]
    assert tied.tolist() == [True, True, True, True]


def test_ties_by_critical_scale() -> None:
    success = np.array([[1.0, 0.5, 0.0, 0.9, 0.4], [1.0, 0.8, 0.0, 0.9, 0.8], [0.9, 0.8, 0.0, 0.9, 0.8]])
    scale = np.array([[0.6, 0.1, INF, 0.5, 0.1], [0.4, 2.0, INF, 0.5, INF], [0.1, 1.5, INF, 0.5, INF]])
    winner, tied = select_routes(success, scale, "critical_scale")
    # Smaller; smaller, not the general teacher's; all cut; all equal; cut both, and the general one is no candidate.
    assert winner.tolist() == [1, 2, 0, 0, 1]
    assert tied.all()


def test_one_teacher_gets_everything() -> None:
    winner, tied = select_routes(np.array([[0.0, 1.0]]), np.array([[INF, 0.5]]))
    assert (winner.tolist(), tied.tolist()) == ([0, 0], [False, False])


def bank_record(tie: str = "first") -> dict:
    return routing_record(
        {
            "general": make_results({"walk": [0.5, 0.7], "kick": [0.5, 2.0], "crane": [INF, 2.0]}),
            "dynamic": make_results({"walk": [0.3, 0.4], "kick": [0.5, 0.5], "crane": [2.0, 2.0]}),
            "balance": make_results({"walk": [2.0, 2.0], "kick": [2.0, 2.0], "crane": [2.0, 2.0]}),
        },
        tie,
    )


def test_a_table_by_hand() -> None:
    record = bank_record()
    assert record["routes"] == {"walk": "general", "kick": "dynamic", "crane": "general"}
    assert (record["ties"], record["tie"], record["unsolved"]) == (2, "first", ["crane"])
    assert record["SR_routed"] == pytest.approx(2 / 3)
    walk, kick, crane = record["results"]
    assert (walk["tied"], kick["tied"], crane["tied"]) == (["general", "dynamic"], [], list(BANK))
    assert kick["SR"] == {"general": 0.5, "dynamic": 1.0, "balance": 0.0}
    assert kick["critical_scale"] == {"general": 1.25, "dynamic": 0.5, "balance": 2.0}
    assert crane["critical_scale"] == {"general": None, "dynamic": 2.0, "balance": 2.0}
    general, dynamic, balance = record["teachers"]
    assert [teacher["name"] for teacher in record["teachers"]] == list(BANK)
    assert (general["routed"], general["routed_alone"], general["SR"]) == (2, 0, pytest.approx(0.5))
    assert (dynamic["routed"], dynamic["routed_alone"], dynamic["never_succeeds"]) == (1, 1, False)
    assert (balance["routed"], balance["SR"], balance["never_succeeds"]) == (0, 0.0, True)


def test_one_success_is_enough_not_to_be_unsolved() -> None:
    record = routing_record({"general": make_results({"kick": [0.5, 2.0], "crane": [2.0, 2.0]})})
    assert (record["unsolved"], record["ties"], record["SR_routed"]) == (["crane"], 0, 0.25)


def test_the_rule_for_ties_is_the_users() -> None:
    record = bank_record("critical_scale")
    assert record["routes"] == {"walk": "dynamic", "kick": "dynamic", "crane": "dynamic"}
    assert (record["ties"], record["tie"]) == (2, "critical_scale")
    with pytest.raises(AthenaError, match="--tie: unknown 'frist'; did you mean 'first'"):
        bank_record("frist")


def test_the_table_tells_ties_and_teachers_without_success() -> None:
    console = Console(width=160, record=True, file=io.StringIO())
    print_routing(bank_record() | {"without": ["old"]}, "routing.json", console)
    text = console.export_text()
    assert "ties: 2 of 3 clips, given to the first of the tied teachers; SR as routed 66.7 %" in text
    assert "balance: 0 of 3 clips (0 without a tie), SR 0.0 %, TIS 0.333; never succeeds" in text
    assert "no teacher succeeds on: crane" in text
    assert "left out: old" in text
    assert [line.split()[0] for line in text.splitlines()[1:4]] == ["crane", "kick", "walk"]
