"""The judge without eyes, on moves made by hand and on recordings of one move each."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from athena_wbc.errors import AthenaError
from athena_wbc.motion.formats.human import read_human
from athena_wbc.synthesis.convert import ConversionConfig, prepare
from athena_wbc.synthesis.human_features import human_features
from athena_wbc.synthesis.judges.detectors import detect
from athena_wbc.synthesis.judges.difficulty import RATINGS, SPEED, WEIGHTS, difficulty, ratings
from athena_wbc.synthesis.judges.kinematic import (
    COMMONNESS,
    KinematicConfig,
    KinematicJudge,
    check_kinematic_config,
    in_order,
)
from athena_wbc.synthesis.judges.signals import find_signals, ramp
from athena_wbc.synthesis.motion import JOINT_NAMES, PELVIS, SyntheticMotion
from athena_wbc.synthesis.prompt import Prompt
from athena_wbc.synthesis.protocols import Judge
from athena_wbc.synthesis.records import DESCRIPTORS
from athena_wbc.synthesis.vocabulary import FAMILY, PLAIN, Move
from tests.synthesis.figure import jumping, motion_of, moved, standing, turned, with_joint
from tests.synthesis.recordings import from_human

FRAMES = 61
TIME = np.arange(FRAMES) / 20.0
RECORDINGS = {
    "deepmimic_human/humanoid3d_walk.txt": "walk",
    "deepmimic_human/humanoid3d_run.txt": "run",
    "deepmimic_human/humanoid3d_jump.txt": "jump",
    "deepmimic_human/humanoid3d_kick.txt": "round_kick",
    "deepmimic_human/humanoid3d_punch.txt": "straight_punch",
    "deepmimic_human/humanoid3d_dance_spin.txt": "spin",
    "deepmimic_human/humanoid3d_spinkick.txt": "spin_kick",
    "deepmimic_human/humanoid3d_getup_faceup.txt": "get_up",
    "asap_smpl/video_squat_level2_filter_amass.npz": "squat",
    "asap_smpl/video_single_foot_balance_level1_filter_amass.npz": "balance",
    "asap_smpl/video_single_foot_jump_level1_filter_amass.npz": "hop",
    "asap_smpl/video_step_forward_forward_level4_filter_amass.npz": "lunge",
}


def _prompt(*moves: Move | str) -> Prompt:
    plan = tuple(move if isinstance(move, Move) else Move(move) for move in moves)
    return Prompt(text=" and ".join(move.move for move in plan), moves=plan)


def _pulse(start: float, rise: float = 0.2, hold: float = 0.3) -> np.ndarray:
    """(T,) 0 to 1 and back."""
    return np.interp(TIME, (start, start + rise, start + rise + hold, start + 2.0 * rise + hold), (0.0, 1.0, 1.0, 0.0))


def _arms_down(body: np.ndarray) -> np.ndarray:
    out = body.copy()
    for side in ("left", "right"):
        shoulder = out[:, JOINT_NAMES.index(f"{side}_shoulder")]
        for part, reach in (("elbow", 0.26), ("wrist", 0.52)):
            out[:, JOINT_NAMES.index(f"{side}_{part}")] = shoulder - (0.0, 0.0, reach)
    return out


def _leg(side: str, direction: np.ndarray, amount: np.ndarray) -> np.ndarray:
    """Standing; one stretched leg turned from hanging down by `amount` of a right angle towards `direction`."""
    body = _arms_down(standing(FRAMES))
    hip = body[:, JOINT_NAMES.index(f"{side}_hip")]
    angle = 0.5 * np.pi * amount[:, None]
    axis = np.sin(angle) * direction - np.cos(angle) * (0.0, 0.0, 1.0)
    for part, reach in (("knee", 0.39), ("ankle", 0.82), ("foot", 0.90)):
        body[:, JOINT_NAMES.index(f"{side}_{part}")] = hip + reach * axis
    return body


def _punch(side: str, amount: np.ndarray) -> np.ndarray:
    """A hand from the chest straight to the front."""
    body = _arms_down(standing(FRAMES))
    shoulder = body[:, JOINT_NAMES.index(f"{side}_shoulder")]
    reach = (0.2 + 0.31 * amount)[:, None] * (1.0, 0.0, 0.0)
    bend = np.sqrt(np.maximum(0.26**2 - (0.5 * np.linalg.norm(reach, axis=1)) ** 2, 0.0))
    body[:, JOINT_NAMES.index(f"{side}_wrist")] = shoulder + reach
    body[:, JOINT_NAMES.index(f"{side}_elbow")] = shoulder + 0.5 * reach - bend[:, None] * (0.0, 0.0, 1.0)
    return body


def _squat(amount: np.ndarray) -> np.ndarray:
    """The trunk sinks by up to 0.4 m between feet that stand; knees go to the front."""
    body = _arms_down(standing(FRAMES))
    legs = [joint for joint, name in enumerate(JOINT_NAMES) if name.endswith(("ankle", "foot", "knee"))]
    others = [joint for joint in range(len(JOINT_NAMES)) if joint not in legs]
    body[:, others, 2] -= 0.4 * amount[:, None]
    for side in ("left", "right"):
        hip, ankle = (body[:, JOINT_NAMES.index(f"{side}_{part}")] for part in ("hip", "ankle"))
        half = 0.5 * np.linalg.norm(hip - ankle, axis=1)
        out = np.sqrt(np.maximum(0.41**2 - half**2, 0.0))
        body[:, JOINT_NAMES.index(f"{side}_knee")] = 0.5 * (hip + ankle) + out[:, None] * (1.0, 0.0, 0.0)
    return body


def _walk(speed: float) -> np.ndarray:
    """The body at an even speed; each foot stands for half a second and swings for as long."""
    body = _arms_down(standing(FRAMES))
    way = speed * TIME
    for side, phase in (("left", 0.0), ("right", 0.5)):
        cycle = (TIME + phase) % 1.0
        swing = np.clip(cycle * 2.0 - 1.0, 0.0, 1.0)
        foot = speed * (np.floor(TIME + phase) + swing - phase)
        lift = 0.12 * np.sin(np.pi * swing)
        shift = np.stack((foot - way, 0 * way, lift), axis=1)
        body = with_joint(body, f"{side}_foot", shift, (f"{side}_ankle",))
        body = with_joint(body, f"{side}_knee", 0.5 * shift)
    return moved(body, np.stack((way, 0 * way, 0 * way), axis=1))


def _found(positions: np.ndarray, move: Move | str) -> float:
    move = move if isinstance(move, Move) else Move(move)
    return float(detect(find_signals(motion_of(positions)), move, PLAIN).max())


FRONT, LEFT = np.array((1.0, 0.0, 0.0)), np.array((0.0, 1.0, 0.0))


def test_every_move_of_the_vocabulary_has_a_detector_of_values_between_0_and_1() -> None:
    signals = find_signals(motion_of(_walk(1.0)))
    for name in FAMILY:
        curve = detect(signals, Move(name), PLAIN)
        assert curve.shape == (signals.frames,) and 0.0 <= curve.min() <= curve.max() <= 1.0, name
    assert set(COMMONNESS) <= set(FAMILY) and max(COMMONNESS.values()) < 1.0


def test_kicks_by_direction_side_and_height() -> None:
    front = _leg("left", FRONT, 0.8 * _pulse(1.0))
    assert _found(front, "front_kick") > 0.9
    assert _found(front, Move("front_kick", side="left")) > 0.9
    assert _found(front, Move("front_kick", side="right")) == 0.0
    assert max(_found(front, name) for name in ("side_kick", "back_kick", "jump_kick", "spin_kick")) < 0.1
    assert _found(_leg("left", LEFT, 0.8 * _pulse(1.0)), "side_kick") > 0.9
    assert _found(_leg("right", -FRONT, 0.8 * _pulse(1.0)), Move("back_kick", side="right")) > 0.9
    low = _leg("left", FRONT, 0.5 * _pulse(1.0))
    # The sole is at 0.24 m; from 0.12 a low kick counts, in full from 0.28.
    assert 0.6 < _found(low, Move("front_kick", height="low")) < 0.9
    assert _found(low, Move("front_kick", height="high")) < 0.1
    # A leg that rises in a second and a half is no kick, but it is lifted.
    slow = _leg("left", FRONT, 0.8 * _pulse(0.2, 1.2, 0.2))
    assert _found(slow, "front_kick") < 0.5 and _found(slow, "leg_lift") > 0.5


def test_punches_by_side() -> None:
    punch = _punch("right", _pulse(1.0, 0.1))
    assert _found(punch, Move("straight_punch", side="right")) > 0.9
    assert _found(punch, Move("straight_punch", side="left")) == 0.0
    assert _found(_punch("right", _pulse(0.3, 1.3, 0.1)), "straight_punch") < 0.2


def test_jumps_turns_squats_and_balances() -> None:
    assert _found(jumping(0.3), "jump") == 1.0
    assert _found(standing(FRAMES), "jump") == 0.0
    turn = turned(_arms_down(standing(FRAMES)), np.pi * np.clip(TIME - 1.0, 0.0, 1.0))
    assert _found(turn, Move("turn", turns=0.5)) == 1.0
    assert _found(turn, Move("turn", turns=-0.5)) == 0.0
    assert _found(turn, Move("spin", turns=2.0)) == 0.0
    assert _found(_squat(_pulse(1.0, 0.4)), "squat") > 0.9
    assert _found(_squat(0.1 * _pulse(1.0, 0.4)), "squat") == 0.0
    one_leg = _leg("left", FRONT, 0.6 * _pulse(0.5, 0.5, 1.2))
    assert _found(one_leg, "balance") > 0.9 and _found(standing(FRAMES), "balance") == 0.0


def test_gaits_by_speed_and_direction() -> None:
    walk, run = _walk(1.0), _walk(3.0)
    assert _found(walk, "walk") == 1.0 and _found(walk, "sprint") == 0.0
    assert _found(run, "run") == 1.0
    # At its ends a smoothed run is slower.
    assert detect(find_signals(motion_of(run)), Move("walk"), PLAIN)[25:65].max() == 0.0
    assert _found(turned(walk, np.full(FRAMES, np.pi)), "back_step") == 1.0
    assert _found(walk, "back_step") == 0.0
    assert _found(standing(FRAMES), "walk") == 0.0


def test_order_counts() -> None:
    kick_then_punch = _leg("left", FRONT, 0.8 * _pulse(0.3))
    arm = _punch("right", _pulse(2.0, 0.1))
    for part in ("elbow", "wrist"):
        kick_then_punch[:, JOINT_NAMES.index(f"right_{part}")] = arm[:, JOINT_NAMES.index(f"right_{part}")]
    judge = KinematicJudge()
    motion = motion_of(kick_then_punch)
    right, wrong, half = judge.judge(
        [motion] * 3,
        [
            _prompt("front_kick", "straight_punch"),
            _prompt("straight_punch", "front_kick"),
            _prompt("front_kick", "cartwheel"),
        ],
    )
    assert right.verdict == "aligned" and right.score > 90.0
    assert right.reason == "all moves of the prompt are found in order"
    assert wrong.score < 80.0 and "out of place" in wrong.reason
    assert half.score < 60.0 and "cartwheel is missing (0.00 in place, 0.00 anywhere)" in half.reason
    assert right.judge == "kinematic" and set(right.analysis) == set(DESCRIPTORS)
    assert "front kick at 0." in right.analysis["action_sequence"]
    assert isinstance(judge, Judge)


def test_places_do_not_run_backwards() -> None:
    curves = np.array(((0.0, 0.9, 0.0, 0.8), (0.0, 0.0, 0.7, 0.0), (1.0, 0.0, 0.0, 0.1)))
    values, places = in_order(curves, np.ones(3))
    assert places.tolist() == [1, 2, 3] and values.tolist() == [0.9, 0.7, 0.1]
    # A heavy last move draws the others before it.
    values, places = in_order(curves, np.array((0.1, 0.1, 5.0)))
    assert places.tolist() == [0, 0, 0] and values.tolist() == [0.0, 0.0, 1.0]


def test_striking_things_that_nobody_asked_for_cost() -> None:
    walk = _walk(0.6)
    spun = turned(walk, 4.0 * np.pi * np.clip(TIME - 1.0, 0.0, 1.0))
    judge = KinematicJudge()
    plain, spinning, asked = judge.judge(
        [motion_of(walk), motion_of(spun), motion_of(spun)],
        [_prompt("clap", "stand"), _prompt("clap", "stand"), _prompt("clap", "stand", Move("spin", turns=2.0))],
    )
    assert "a spin that the prompt does not ask for" in spinning.reason
    assert "spin that" not in plain.reason and "spin that" not in asked.reason


def test_a_prompt_without_moves_is_neither_right_nor_wrong() -> None:
    (found,) = KinematicJudge().judge([motion_of(_walk(1.0))], [Prompt(text="something else")])
    assert found.verdict == "partial" and "names no move" in found.reason


def test_bands_and_their_checks() -> None:
    motion, prompt = motion_of(_leg("left", FRONT, 0.8 * _pulse(1.0))), _prompt("front_kick", "cartwheel")
    assert KinematicJudge(KinematicConfig(aligned=20.0, partial=10.0)).judge([motion], [prompt])[0].verdict == "aligned"
    assert (
        KinematicJudge(KinematicConfig(aligned=99.0, partial=98.0)).judge([motion], [prompt])[0].verdict == "mismatch"
    )
    with pytest.raises(AthenaError, match=r"judge\.partial: must not be above aligned \(70\), is 80"):
        check_kinematic_config(KinematicConfig(partial=80.0), "judge")
    with pytest.raises(AthenaError, match=r"judge\.order: must be from 0 to 1, is 2"):
        check_kinematic_config(KinematicConfig(order=2.0), "judge")


def test_difficulty_is_by_calibrated_marks() -> None:
    still = human_features(motion_of(standing(FRAMES)))
    for rating, mark in zip(RATINGS, SPEED, strict=True):
        assert ratings(dataclasses.replace(still, joint_speed_p95=mark))["speed"] == pytest.approx(rating)
    # One side alone at its top: 1 + 9 (0.22)^(1/3).
    alone = dataclasses.replace(still, joint_speed_p95=9.0, longest_single_support=0.0, bursts=0)
    assert difficulty(alone) == pytest.approx(1.0 + 9.0 * 0.22 ** (1 / 3), abs=0.01)
    assert sum(WEIGHTS.values()) == pytest.approx(1.0)
    top = {"joint_speed_p95": 99.0, "joint_acc_p95": 999.0, "longest_flight": 2.0, "yaw_turned": 9.0, "bursts": 99}
    assert difficulty(dataclasses.replace(still, longest_single_support=9.0, **top)) == 10.0
    assert difficulty(dataclasses.replace(still, longest_single_support=0.0)) < 1.5


def test_difficulty_rises_with_tempo_turns_and_height() -> None:
    levels = [difficulty(human_features(motion_of(_walk(speed)))) for speed in (0.5, 1.0, 2.0)]
    assert levels == sorted(levels) and levels[2] > levels[0] + 1.0
    spins = [difficulty(human_features(motion_of(turned(standing(FRAMES), n * TIME)))) for n in (0.5, 2.0, 5.0)]
    assert spins == sorted(spins) and spins[2] > spins[0] + 1.0
    jumps = [difficulty(human_features(motion_of(jumping(rise)))) for rise in (0.1, 0.25, 0.5)]
    assert jumps == sorted(jumps) and jumps[2] > jumps[0] + 0.5
    # The same motion played faster.
    body = _walk(1.0)
    slow, fast = (difficulty(human_features(SyntheticMotion("p", body, "hand", False, 0, fps))) for fps in (12.0, 30.0))
    assert fast > slow + 0.5


def test_a_motion_is_judged_the_same_in_any_batch_size_and_of_any_stature() -> None:
    kick = motion_of(_leg("left", FRONT, 0.8 * _pulse(1.0)))
    prompt, other = _prompt("front_kick"), _prompt("walk")
    judge = KinematicJudge()
    assert judge.judge([kick], [prompt]) == judge.judge([motion_of(_walk(1.0)), kick], [other, prompt])[1:]
    child = kick.replace(positions=0.7 * kick.positions)
    assert judge.judge([child], [prompt])[0].score == pytest.approx(judge.judge([kick], [prompt])[0].score, abs=5.0)


def test_ramp() -> None:
    assert ramp(np.array((0.0, 1.0, 1.5, 2.0, 3.0)), 1.0, 2.0).tolist() == [0.0, 0.0, 0.5, 1.0, 1.0]
    assert ramp(np.array((0.0, 1.5, 3.0)), 2.0, 1.0).tolist() == [1.0, 0.5, 0.0]


def test_recordings_are_told_apart(shared_motions: Path) -> None:
    judge = KinematicJudge()
    motions = [prepare(from_human(read_human(shared_motions / path)[0]), ConversionConfig()) for path in RECORDINGS]
    prompts = [_prompt(move) for move in RECORDINGS.values()]
    scores = np.array([[each.score for each in judge.judge([motion] * len(prompts), prompts)] for motion in motions])
    own, others = np.diag(scores), scores[~np.eye(len(scores), dtype=bool)]
    area = (own[:, None] > others).mean() + 0.5 * (own[:, None] == others).mean()
    assert (own >= 70.0).mean() > 0.9 and area > 0.9, (own, area)
    assert motions[0].positions[:, PELVIS, 2].min() > 0.5


def test_the_marks_are_those_of_the_recordings(shared_motions: Path) -> None:
    broken = ("humanoid3d_dance_b", "video_single_foot_balance_level2_filter_amass")
    files = [*(shared_motions / "deepmimic_human").glob("*.txt"), *(shared_motions / "asap_smpl").glob("*.npz")]
    found = [
        human_features(prepare(from_human(read_human(file)[0]), ConversionConfig())).joint_speed_p95
        for file in files
        if file.stem not in broken
    ]
    # The five further clips of the calibration shift the quantiles by a tenth of a rating and less.
    assert np.percentile(found, (25.0, 50.0, 75.0)) == pytest.approx(SPEED[1:4], rel=0.15)
