"""Which clips are residual, and what is told of them: numbers by hand."""

from __future__ import annotations

import io
import json
import math

import numpy as np
import pytest
from rich.console import Console

from athena_wbc import __version__
from athena_wbc.errors import AthenaError
from athena_wbc.evaluation.config import EvaluationConfig
from athena_wbc.evaluation.report import Subject, settings
from athena_wbc.files import write_json
from athena_wbc.pipeline.mining import clip_records, early_falls, load_residual, mining_record, select_residual
from athena_wbc.pipeline.tables import print_mining
from tests.pipeline.made import make_results

INF = math.inf


def test_residual_is_strictly_below() -> None:
    assert select_residual([0.8, 0.7, 1.0, 0.0]) == [1, 3]
    assert select_residual(np.array([0.8, 0.7, 1.0, 0.0]), rho=1.0) == [0, 1, 3]
    assert select_residual([1.0, 1.0]) == select_residual([]) == []


def test_eight_successes_of_ten_are_enough() -> None:
    rates = [np.mean([True] * k + [False] * (10 - k)) for k in range(11)]
    assert select_residual(rates) == list(range(8))
    # Any threshold that is a share of the rollouts is met by exactly that share.
    for k in range(1, 11):
        assert select_residual(rates, rho=k / 10) == list(range(k))


@pytest.mark.parametrize("rho", [0.0, -0.1, 1.01, math.nan])
def test_a_rate_that_is_none_is_refused(rho: float) -> None:
    with pytest.raises(AthenaError, match="--rho: must be above 0 and at most 1"):
        select_residual([0.5], rho)


def test_early_falls_are_those_of_the_first_second() -> None:
    steps = np.array([[-1, 1, 50], [51, 25, 26]])
    assert early_falls(steps, 0.02).tolist() == [[False, True, True], [False, True, True]]
    assert early_falls(steps, 0.02, early_s=0.5).tolist() == [[False, True, False], [False, True, False]]


def test_a_clip_by_hand() -> None:
    failures = {"bad": [("yaw", 20), ("height", 60), ("yaw", 70)]}
    good, bad = clip_records(make_results({"good": [0.5] * 5, "bad": [0.2, 1.0, INF, 3.0, 0.9]}, failures))
    assert (good["clip"], good["residual"], good["SR"], good["early_falls"]) == ("good", False, 1.0, 0.0)
    assert (good["failed_by"], good["failed_at_s"], good["failures"]) == ("", None, {})
    assert (bad["clip"], bad["label"], bad["duration_s"], bad["residual"]) == ("bad", "dynamic", 2.0, True)
    # A scale of exactly 1 is a failure, and so is one that was cut.
    assert bad["SR"] == 0.4
    assert bad["critical_scale"] == [0.2, 1.0, None, 3.0, 0.9]
    assert bad["TIS"] == pytest.approx((1 / 1.2 + 1 / 2 + 0 + 1 / 4 + 1 / 1.9) / 5)
    assert (bad["failed_by"], bad["failures"]) == ("yaw", {"yaw": 2, "height": 1})
    assert bad["failed_at_s"] == pytest.approx(1.2)  # the middle of 0.4, 1.2 and 1.4 s
    assert bad["early_falls"] == 0.2
    assert bad["peaks"]["height"] == pytest.approx(0.04)
    assert bad["MPJPE_mm"] == pytest.approx(300.0)


def test_the_totals_by_hand() -> None:
    record = mining_record(make_results({"a": [0.5, 0.5], "b": [0.5, 2.0], "c": [2.0, INF]}, {"c": [("yaw", 10)] * 2}))
    assert record["clips"] == ["b", "c"]
    assert (record["num_clips"], record["rho_fail"], record["early_s"]) == (3, 0.8, 1.0)
    assert record["SR"] == record["early_falls"] == pytest.approx(0.5)
    assert record["coverage"] == pytest.approx(1 / 3)
    assert record["early_falls_of_failures"] == 1.0


def test_nothing_failed() -> None:
    record = mining_record(make_results({"a": [0.5, 0.5]}))
    assert (record["clips"], record["coverage"], record["early_falls_of_failures"]) == ([], 1.0, None)


def printed(record: dict) -> str:
    subject = Subject("abc", "def", "g1", "0123", ("builtin",), seed=3, num_envs=4, randomisation={})
    console = Console(width=160, record=True, file=io.StringIO())
    print_mining(record | settings(EvaluationConfig(), subject), "residual.json", console)
    return console.export_text()


def test_the_table_is_hardest_first_and_says_what_is_next() -> None:
    text = printed(mining_record(make_results({"easy": [0.5, 0.5], "worst": [2.0, INF], "hard": [0.5, 2.0]})))
    assert [line.split()[0] for line in text.splitlines()[2:5]] == ["worst", "hard", "easy"]
    assert "inf" in text.splitlines()[2] and text.splitlines()[2].endswith("yes")
    assert "2 of 3 clips succeed in less than 80 % of their rollouts (SR 50.0 %" in text
    assert "100 % of the failures come in the first 1 s" in text
    assert "train on the residual set with --motions residual.json" in text


def test_an_empty_set_and_a_teacher_that_never_succeeds_are_said() -> None:
    assert "the residual set is empty" in printed(mining_record(make_results({"a": [0.5]})))
    assert "succeeds on no clip" in printed(mining_record(make_results({"a": [INF]})))


def test_the_names_are_read_back(tmp_path) -> None:
    path = tmp_path / "residual.json"
    for names in (["b", "c"], []):
        write_json(path, {"kind": "residual", "library_version": __version__, "clips": names})
        assert load_residual(path) == names


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("{", "damaged, not readable as JSON"),
        ("[1]", "kind: is no 'residual' record; write it with athena mine"),
        (json.dumps({"kind": "routing"}), "kind: is no 'residual' record"),
        (json.dumps({"kind": "residual", "library_version": "0.0.1"}), "was written by athena_wbc 0.0.1, this is"),
        (json.dumps({"kind": "residual", "library_version": __version__}), "clips: must be a list of names"),
        (json.dumps({"kind": "residual", "library_version": __version__, "clips": [1]}), "clips: must be a list"),
    ],
)
def test_a_wrong_record_is_one_line(tmp_path, content: str, expected: str) -> None:
    path = tmp_path / "residual.json"
    path.write_text(content)
    with pytest.raises(AthenaError, match=expected) as caught:
        load_residual(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_a_record_that_is_not_there(tmp_path) -> None:
    with pytest.raises(AthenaError, match=r"gone\.json: no such file; write it with athena mine"):
        load_residual(tmp_path / "gone.json")
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(AthenaError, match=r"bytes\.json: damaged"):
        load_residual(tmp_path / "bytes.json")
