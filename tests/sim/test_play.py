from __future__ import annotations

import numpy as np
import pytest
import torch

from athena_wbc.config import load_config
from athena_wbc.embodiment import Embodiment, get_embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.motion.clip import MotionClip
from athena_wbc.motion.library import MotionLibrary
from athena_wbc.sim.env import TrackingEnv
from athena_wbc.sim.play import record_motion, record_rollouts, tile


@pytest.fixture(scope="module")
def robot() -> Embodiment:
    return get_embodiment("g1")


@pytest.fixture(scope="module")
def clip(robot: Embodiment) -> MotionClip:
    """One second at 30 fps of a raised arm, the joints in reverse order."""
    joints = np.tile(robot.default_joint_pos, (31, 1))
    joints[:, robot.joint_index(("left_shoulder_pitch_joint",))[0]] -= np.linspace(0.0, 1.0, 31)
    root = np.tile([0.0, 0.0, robot.default_root_height], (31, 1))
    upright = np.tile([0.0, 0.0, 0.0, 1.0], (31, 1))
    return MotionClip("raise", 30.0, root, upright, joints[:, ::-1], robot.joint_names[::-1])


def test_a_motion_is_recorded_at_the_pictures_rate_in_the_robots_order(robot: Embodiment, clip: MotionClip) -> None:
    recording = record_motion(clip, robot)
    assert (recording.name, recording.fps, recording.robot.shape) == ("raise", 25.0, (26, 36))
    shoulder = 7 + robot.joint_names.index("left_shoulder_pitch_joint")
    # 25 pictures a second: picture k shows the second k / 25, and the arm has moved by as many radians.
    moved = recording.robot[0, shoulder] - recording.robot[:, shoulder]
    np.testing.assert_allclose(moved, np.arange(26) / 25.0, atol=1e-9)
    assert recording.reference is None


def test_seconds_cut_a_recording(robot: Embodiment, clip: MotionClip) -> None:
    assert len(record_motion(clip, robot, seconds=0.4).robot) == 10
    assert len(record_motion(clip, robot, seconds=60.0).robot) == 26
    with pytest.raises(AthenaError, match="--seconds: must be positive, is 0"):
        record_motion(clip, robot, seconds=0.0)


def test_a_rollout_records_robot_and_reference(robot: Embodiment, clip: MotionClip) -> None:
    config = load_config("general", ["task.observations=compact", "task.randomisation=none"])
    env = TrackingEnv(config, MotionLibrary([clip], robot), num_envs=1, groups=("teacher",))
    try:
        recording = record_rollouts(env, lambda observations: torch.zeros(1, env.num_actions))[0]
    finally:
        env.close()
    # 51 control steps at 50 Hz, every second one shown.
    assert recording.fps == 25.0
    assert recording.robot.shape == recording.reference.shape == (26, 36)
    alone = record_motion(clip, robot)
    np.testing.assert_allclose(recording.reference, alone.robot, atol=1e-5)
    # It starts on the reference, and physics takes it away from there.
    np.testing.assert_allclose(recording.robot[0], recording.reference[0], atol=1e-5)
    assert abs(recording.robot[-1] - recording.reference[-1]).max() > 0.01


def test_several_clips_are_played_at_once_each_to_its_own_end(robot: Embodiment, clip: MotionClip) -> None:
    config = load_config("general", ["task.observations=compact", "task.randomisation=none"])
    short = clip.slice(0, 21).replace(name="short")
    env = TrackingEnv(config, MotionLibrary([clip, short], robot), num_envs=2, groups=("teacher",))
    try:
        recordings = record_rollouts(env, lambda observations: torch.zeros(2, env.num_actions))
    finally:
        env.close()
    assert [recording.name for recording in recordings] == ["raise", "short"]
    assert [len(recording.robot) for recording in recordings] == [26, len(record_motion(short, robot).robot)]
    for recording, alone in zip(recordings, (clip, short), strict=True):
        np.testing.assert_allclose(recording.reference, record_motion(alone, robot).robot, atol=1e-5)


def test_pictures_are_tiled_row_by_row() -> None:
    pictures = [np.full((2, 3, 3), value, dtype=np.uint8) for value in (1, 2, 3)]
    assert tile(pictures[:1]).shape == (2, 3, 3)
    sheet = tile(pictures)
    assert sheet.shape == (4, 6, 3)
    assert [sheet[0, 0, 0], sheet[0, 5, 0], sheet[3, 0, 0], sheet[3, 5, 0]] == [1, 2, 3, 0]
