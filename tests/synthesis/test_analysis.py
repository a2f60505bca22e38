"""Speeds, windows and overlap, by numbers worked out by hand."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from athena_wbc.embodiment import get_embodiment
from athena_wbc.motion.clip import MotionClip
from athena_wbc.synthesis import analysis
from athena_wbc.synthesis.analysis import FPS, BodyMotion


def gliding(velocity: float, frames: int = 61, yaw: float = 0.0) -> MotionClip:
    """The default pose, moved along its own x axis without stepping, at 30 frames a second."""
    robot = get_embodiment("g1")
    time = np.arange(frames) / FPS
    root = np.tile([0.0, 0.0, robot.default_root_height], (frames, 1))
    root[:, 0] += velocity * time * np.cos(yaw)
    root[:, 1] += velocity * time * np.sin(yaw)
    quat = np.tile([0.0, 0.0, np.sin(yaw / 2.0), np.cos(yaw / 2.0)], (frames, 1))
    joints = np.tile(robot.default_joint_pos, (frames, 1))
    return MotionClip("glide", FPS, root, quat, joints, robot.joint_names, robot.name, robot.hash)


def test_all_bodies_glide_at_the_same_speed() -> None:
    motion = analysis.body_motion(gliding(0.6), get_embodiment("g1"))
    found = analysis.speeds(motion)
    assert found.speed == pytest.approx(np.full(60, 0.6)) and found.mean == pytest.approx(0.6)
    assert found.mean_acceleration == pytest.approx(0.0, abs=1e-6)


def test_a_body_that_accelerates() -> None:
    # x = t^2 / 2 has the acceleration 1; at 30 frames a second its k-th step is at the speed (k + 1/2) / 30.
    position = np.zeros((7, 2, 3))
    position[:, :, 0] = 0.5 * (np.arange(7) / FPS)[:, None] ** 2
    found = analysis.speeds(BodyMotion(position, position, np.zeros((7, 3))))
    assert found.speed == pytest.approx((np.arange(6) + 0.5) / FPS)
    assert found.acceleration == pytest.approx(np.ones(5))


def test_windows_know_no_place_and_no_heading() -> None:
    robot = get_embodiment("g1")
    straight, turned = (analysis.windows(analysis.body_motion(gliding(0.6, yaw=yaw), robot)) for yaw in (0.0, 1.2))
    # Two seconds hold windows that begin at 0, 0.5 and 1 s; the last one ends on the last frame.
    assert len(straight) == 3
    assert turned == pytest.approx(straight, abs=1e-9)
    assert straight[0] == pytest.approx(straight[1], abs=1e-9)
    slower = analysis.windows(analysis.body_motion(gliding(0.3), robot))
    per_instant = slower.shape[1] // analysis.INSTANTS
    difference = (straight - slower)[0].reshape(analysis.INSTANTS, per_instant)
    # Only the velocity differs, by 0.3 m/s over VELOCITY_S.
    assert np.abs(difference[:, :-3]).max() == pytest.approx(0.0, abs=1e-9)
    assert difference[:, -3] == pytest.approx(np.full(analysis.INSTANTS, 0.3 * analysis.VELOCITY_S))


def test_a_short_motion_is_one_window() -> None:
    motion = analysis.body_motion(gliding(0.1, frames=5), get_embodiment("g1"))
    assert len(analysis.windows(motion)) == 1


def test_overlap_on_a_line() -> None:
    source = np.arange(5.0)[:, None]  # 0 1 2 3 4, each one away from the next
    found = analysis.overlap(np.array([[0.5], [3.5], [6.0], [9.0]]), source, neighbours=1)
    # 0.5 and 3.5 are within 1 of a point of the source, 6 and 9 are not.
    assert found.inside == 0.5
    # Radii of the set's points: 3, 2.5, 2.5, 3. 0.5 reaches 0 to 3, 3.5 reaches 1 to 4, so all are covered.
    assert found.covered == 1.0
    # Distances 0.5, 0.5, 2, 5 have the median 1.25; those of the source to itself are 1.
    assert found.distance == pytest.approx(1.25)


def test_overlap_with_more_neighbours_reaches_further() -> None:
    source = np.arange(5.0)[:, None]
    points = np.array([[6.0], [6.5]])
    assert analysis.overlap(points, source, 1).inside == 0.0
    assert analysis.overlap(points, source, 2).inside == 0.5  # the radius of 4 is 2: 6 lies within
    assert analysis.overlap(points, source, 99).inside == 1.0  # as many as there are: the radius of 4 is 4
    assert analysis.overlap(source, source, 3).inside == 1.0
    assert analysis.overlap(points[:1], source, 1) is None


def test_overlap_does_not_depend_on_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    points, source = rng.normal(size=(40, 6)), rng.normal(0.3, 1.0, size=(30, 6))
    whole = analysis.overlap(points, source, 4)
    monkeypatch.setattr(analysis, "_CHUNK", 7)
    assert analysis.overlap(points, source, 4) == whole


def test_the_embedding_keeps_clusters_apart() -> None:
    rng = np.random.default_rng(0)
    sets = {"a": rng.normal(size=(30, 5)), "b": 40.0 + rng.normal(size=(20, 5)), "none": np.zeros((0, 5))}
    plane, how = analysis.embed(sets, most=1000)
    assert how == ("PCA" if importlib.util.find_spec("sklearn") is None else "t-SNE")
    assert {name: points.shape for name, points in plane.items()} == {"a": (30, 2), "b": (20, 2)}
    gap = np.linalg.norm(plane["a"].mean(axis=0) - plane["b"].mean(axis=0))
    assert gap > 2.0 * max(plane[name].std(axis=0).max() for name in plane)


def test_the_embedding_is_thinned() -> None:
    plane, _ = analysis.embed({"a": np.random.default_rng(0).normal(size=(100, 3))}, most=25)
    assert plane["a"].shape == (25, 2)
    assert analysis.thinned(np.arange(10.0)[:, None], 4).ravel().tolist() == [0.0, 3.0, 6.0, 9.0]


def test_few_points_are_embedded_too() -> None:
    plane, how = analysis.embed({"a": np.array([[1.0], [2.0]])}, most=10)
    assert how == "PCA" and plane["a"].shape == (2, 2)
