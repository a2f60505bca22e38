"""What a stage has found, in words."""

from __future__ import annotations

from athena_wbc.pipeline.graph import EVALUATE, MINE, PICTURES, ROUTE, TRAIN
from athena_wbc.pipeline.telling import in_words


def test_mining() -> None:
    some = {"clips": ["lunge"], "num_clips": 12, "SR": 0.9, "teacher": "general"}
    assert in_words(MINE, some) == "1 of 12 clips are residual (lunge)"
    assert in_words(MINE, some | {"SR": 0.0}).endswith("the teacher never succeeds, train it longer")
    nothing = in_words(MINE, some | {"clips": []})
    assert nothing == "the residual set is empty: 'general' does all 12 clips; experts are skipped"


def test_routing() -> None:
    routed = {"routed": {"general": 11, "dynamic": 1}, "ties": 10, "never_succeeds": ["balance"]}
    assert in_words(ROUTE, routed) == "11 to general, 1 to dynamic; 10 ties; 'balance' never succeeds"


def test_evaluation() -> None:
    found = {"sets": {"full": {"SR": 1.0}}, "skipped_sets": {"x": "y"}}
    assert in_words(EVALUATE, found) == "SR full 100 %, x skipped (y)"


def test_pictures() -> None:
    assert in_words(PICTURES, {"drawn": ["a.gif", "b.gif"], "problem": ""}) == "a.gif, b.gif"
    assert in_words(PICTURES, {"drawn": ["a.gif"], "problem": "no EGL"}) == "a.gif; not all could be drawn (no EGL)"
    assert in_words(PICTURES, {"drawn": [], "problem": ""}) == "there is no clip to draw"


def test_a_training_says_nothing_more() -> None:
    assert in_words(TRAIN, {"iterations": 3}) == ""
