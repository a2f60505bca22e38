"""Reports: what they hold, that they agree with the metrics, and that their bytes repeat."""

from __future__ import annotations

import csv
import io
import json
import math

import numpy as np
import pytest
import torch
from reference_shell import FakeEnv, make_clip
from rich.console import Console

from athena_wbc.evaluation import metrics
from athena_wbc.evaluation.config import EvaluationConfig
from athena_wbc.evaluation.report import Subject, curve_rows, summary, write_report
from athena_wbc.evaluation.results import Results
from athena_wbc.evaluation.rollout import roll_out
from athena_wbc.evaluation.score import VALUES, Scorer
from athena_wbc.evaluation.table import clip_table, print_report

CONFIG = EvaluationConfig(rollouts=2, num_envs=4, randomisation=None)
CLIPS = [
    make_clip("good", 0.4, "locomotion", seed=1),
    make_clip("bad", 0.8, "dynamic", seed=2),
    make_clip("cut", 0.6, "dynamic", seed=3),
]
SUBJECT = Subject("abc", "def", "g1", "0123", ("builtin",), seed=3, num_envs=4, randomisation={})


def lift(clip, step, actions):
    """Clip 0 is 0.05 m too high, clip 1 rises to 0.40 m, clip 2 leaves for good."""
    height = torch.stack((torch.full_like(step, 0.05, dtype=torch.float32), 0.01 * step, 0.1 * step))
    height = height[clip, torch.arange(len(clip))]
    return torch.stack((0.0 * height, 0.0 * height, height), dim=-1), 0.0 * height


def jitter(observations):
    step = observations["policy"][:, 1:]
    return torch.sin(0.3 * step + torch.arange(29)) + 0.1 * (-1.0) ** step


@pytest.fixture(scope="module")
def results() -> Results:
    env = FakeEnv(CLIPS, 4, lift)
    scorer = Scorer(CONFIG, env.library, env.embodiment)
    library = env.library
    found = Results(
        library.names, library.labels, library.durations.numpy(), 0.02, scorer.edges.numpy(), CONFIG.rollouts
    )
    roll_out(env, jitter, CONFIG, lambda trajectory: found.add(scorer(trajectory)))
    return found


def test_summary_by_hand(results):
    content = summary(results, CONFIG, SUBJECT)
    # s*: 0.05 / 0.20, 0.40 / 0.20, infinite
    assert content["SR"] == pytest.approx(1 / 3)
    assert content["TIS"] == pytest.approx((1 / 1.25 + 1 / 3.0 + 0.0) / 3, rel=1e-5)
    mean_heights = np.array([50.0, 205.0, 650.0])  # means of 50; 10 .. 400; 100 .. 1200, where the cap cuts
    assert content["MPJPE_mm"] == pytest.approx(mean_heights.mean(), rel=1e-3)
    assert content["std"]["MPJPE_mm"] == pytest.approx(mean_heights.std(), rel=1e-3)
    assert content["MPJPE_W_mm"] == pytest.approx(mean_heights.mean(), rel=1e-3)
    assert content["success_only"]["MPJPE_mm"] == pytest.approx(50.0, rel=1e-3)
    assert content["frames_evaluated"] == pytest.approx((1 + 1 + 12 / 30) / 3)
    assert content["rollouts_cut"] == 2 and content["clips_failed"] == 2
    assert content["by_label"]["locomotion"]["SR"] == 1.0
    assert content["by_label"]["dynamic"]["clips"] == 2
    # |dz| below 0.25 m for SONIC, mean distance below 0.5 m for PHC
    assert content["by_rule"]["sonic"]["SR"] == pytest.approx(1 / 3)
    assert content["by_rule"]["phc"]["SR"] == pytest.approx(2 / 3)
    assert content["thresholds"] == {"height": 0.20, "yaw": 0.50, "key_body": 0.50}
    assert (content["frame"], content["cap_scale"], content["randomisation"]) == ("anchored", 6.0, None)
    assert (content["seed"], content["rollouts"], content["corpus_hash"]) == (3, 2, "def")
    command = 0.5 * jitter({"policy": torch.stack((torch.zeros(20), torch.arange(20.0)), -1)})
    assert results.by_clip("action_rate")[0] == pytest.approx(float(metrics.action_rate(command)), rel=1e-4)
    assert results.by_clip("raw_action_jerk")[0] == pytest.approx(float(metrics.action_jerk(2 * command)), rel=1e-4)
    ratio = float(metrics.high_frequency_ratio(command, 50.0))
    assert results.by_clip("high_frequency_ratio")[0] == pytest.approx(ratio, rel=1e-4)
    assert results.by_clip("raw_high_frequency_ratio")[0] == pytest.approx(ratio, rel=1e-4)


def test_the_frame_follows_the_errors_that_decide(results):
    world = EvaluationConfig(rollouts=2, errors=["height", "key_body_world"])
    assert summary(results, world, SUBJECT)["frame"] == "world"


def test_the_same_results_write_the_same_bytes(results, tmp_path):
    for folder in ("one", "two"):
        write_report(tmp_path / folder, results, CONFIG, SUBJECT)
    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert files == ["clips.csv", "failed.json", "metrics.json", "spectrum.csv", "stc.csv", "stc.png"]
    for name in files:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name
    assert (tmp_path / "one" / "stc.png").read_bytes().startswith(b"\x89PNG")


def test_files_agree_with_the_summary(results, tmp_path):
    content = write_report(tmp_path, results, CONFIG, SUBJECT)
    assert json.loads((tmp_path / "metrics.json").read_text()) == content
    clips = list(csv.DictReader(io.StringIO((tmp_path / "clips.csv").read_text())))
    assert [row["clip"] for row in clips] == ["good", "bad", "cut"]
    good, bad, cut = clips
    assert (good["SR"], good["failed_by"], good["failed_at_s"]) == ("1", "", "")
    # 0.01 m a step: the limit of 0.20 m is reached at step 20 or, by rounding, 21.
    assert bad["failed_by"] == "height" and float(bad["failed_at_s"]) == pytest.approx(0.41, abs=0.011)
    assert float(bad["critical_scale_worst"]) == pytest.approx(2.0, rel=1e-4)
    assert (cut["critical_scale_worst"], cut["critical_scale_mean"], cut["completed"]) == ("inf", "inf", "0")
    assert float(cut["peak_height"]) == pytest.approx(1.2, abs=0.11)
    curve = list(csv.DictReader(io.StringIO((tmp_path / "stc.csv").read_text())))
    assert list(curve[0]) == ["scale", "all", "dynamic", "locomotion"]
    at_one = next(row for row in curve if row["scale"] == "1")
    assert float(at_one["all"]) == pytest.approx(content["SR"], rel=1e-5)
    assert float(curve[-1]["all"]) == pytest.approx(2 / 3, rel=1e-5)
    spectrum = list(csv.DictReader(io.StringIO((tmp_path / "spectrum.csv").read_text())))
    assert len(spectrum) == 49
    assert sum(0.5 * float(row["power_per_hz"]) for row in spectrum) == pytest.approx(1.0, rel=1e-4)
    failed = json.loads((tmp_path / "failed.json").read_text())
    assert failed == {"motions": ["builtin"], "clips": ["bad", "cut"]}


def test_a_corpus_without_any_finite_rollout_is_still_reported(tmp_path):
    env = FakeEnv(CLIPS[:1], 2, lambda clip, step, actions: (torch.full((len(clip), 3), torch.nan), 0.0 * step))
    scorer = Scorer(CONFIG, env.library, env.embodiment)
    found = Results(("good",), ("",), env.library.durations.numpy(), 0.02, scorer.edges.numpy(), CONFIG.rollouts)
    roll_out(env, jitter, CONFIG, lambda trajectory: found.add(scorer(trajectory)))
    content = write_report(tmp_path, found, CONFIG, SUBJECT)
    assert (content["SR"], content["TIS"], content["MPJPE_mm"]) == (0.0, 0.0, None)
    assert list(content["by_label"]) == ["unlabelled"]
    row = next(csv.DictReader(io.StringIO((tmp_path / "clips.csv").read_text())))
    assert (row["failed_by"], row["failed_at_s"], row["MPJPE_mm"]) == ("not finite", "0.02", "")


def test_what_was_never_added_counts_as_failed():
    empty = Results(("a", "b"), ("", ""), np.ones(2), 0.02, np.array([0.5, 1.0]), 1)
    content = summary(empty, CONFIG, SUBJECT)
    assert (content["SR"], content["TIS"], content["clips_failed"]) == (0.0, 0.0, 2)


def test_hardest_first_and_the_worst_rollout_names_the_failure(results):
    assert results.hardest_first() == [2, 1, 0]
    assert results.first_failure(0)[0] == ""
    assert math.isnan(results.first_failure(0)[1])
    name, time = results.first_failure(2)
    # 0.1 m a step: 0.20 m at step 2 or, by rounding, 3.
    assert name == "height" and time == pytest.approx(0.05, abs=0.011)


def test_among_equally_bad_rollouts_the_first_to_fail_tells():
    found = Results(("a",), ("",), np.ones(1), 0.02, np.array([0.5, 1.0]), 4)
    failures = [(3.0, "yaw", 40), (1.2, "height", 5), (3.0, "key_body", 30), (0.5, "", -1)]
    for rollout, (scale, name, step) in enumerate(failures):
        found.values[0, rollout, VALUES.index("critical_scale")] = scale
        found.failures[0][rollout], found.failure_steps[0, rollout] = name, step
    assert found.first_failure(0) == ("key_body", pytest.approx(0.6))


def test_tolerance_one_is_on_the_grid_to_the_last_digit(results):
    # np.linspace gives one digit less than 1 here, and a rollout with s* just below 1 would be missed.
    rows = curve_rows(results, EvaluationConfig(curve_max=2.0, curve_points=99))
    assert [row["scale"] for row in rows].count(1.0) == 1


def test_the_table_shows_clips_hardest_first_and_the_total(results):
    console = Console(width=160, record=True, file=io.StringIO())
    content = summary(results, CONFIG, SUBJECT)
    print_report(results, content, "runs/x", console)
    text = console.export_text()
    assert text.index("cut ") < text.index("bad ") < text.index("good ") < text.index("all 3 clips")
    assert "--motions runs/x/failed.json" in text
    assert "phc 66.7" in text
    assert clip_table(results, content).row_count == 4
