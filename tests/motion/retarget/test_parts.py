"""The parts that retargeting is made of, on numbers worked out by hand or by a slower way."""

from __future__ import annotations

import dataclasses
import itertools

import mink
import mujoco
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from athena_wbc.errors import AthenaError
from athena_wbc.motion.evidence import GRAVITY
from athena_wbc.motion.human import HumanMotion
from athena_wbc.motion.retarget import contacts, ground
from athena_wbc.motion.retarget.branches import cheapest_path
from athena_wbc.motion.retarget.build import POINTS, Build, robot_build
from athena_wbc.motion.retarget.person import read_person
from athena_wbc.motion.retarget.second import smooth
from athena_wbc.motion.retarget.skeleton import rebuild
from athena_wbc.motion.retarget.solve import AXES, ChainTask, _rotation_vectors


def test_the_build_of_g1(build: Build) -> None:
    assert build.thigh + build.shin == pytest.approx(0.63, abs=0.01)
    assert build.hips[0] == pytest.approx(build.hips[1] * (1.0, -1.0, 1.0))
    assert build.ankle_height == pytest.approx(0.044, abs=0.003)
    # Ranges of the robot file, narrowed by 0.01 rad; knees and elbows only as far as the straight limb.
    assert build.ankle_roll == pytest.approx((-0.2518, 0.2518)) and build.ankle_pitch == pytest.approx(
        (-0.86267, 0.5136)
    )
    elbow = build.model.joint("left_elbow_joint").range
    assert elbow[0] == pytest.approx(-1.0372) and elbow[1] < 1.5


def test_a_robot_file_corrects_roles(build: Build) -> None:
    robot = dataclasses.replace(build.embodiment, roles={"left_hand": "left_elbow_link"})
    assert robot_build(robot).roles["left_hand"].body == "left_elbow_link" and robot.hash == build.embodiment.hash
    with pytest.raises(AthenaError, match=r"robot 'g1': roles.left_hand: body unknown"):
        robot_build(dataclasses.replace(robot, roles={"left_hand": "paw"}))


def test_the_jacobian_is_that_of_mujoco_and_of_the_error(build: Build) -> None:
    task, configuration = ChainTask(build), mink.Configuration(build.model)
    rng = np.random.default_rng(3)
    qpos = build.nominal + rng.normal(0.0, 0.2, build.model.nq)
    qpos[3:7] /= np.linalg.norm(qpos[3:7])
    configuration.update(qpos)
    task.points = task.positions(configuration.data) + rng.normal(0.0, 0.1, (len(POINTS), 3))
    task.rotations = np.broadcast_to(np.eye(3), (len(AXES), 3, 3))
    jacobian = task.compute_jacobian(configuration)
    slow = np.zeros((3, build.model.nv))
    for row, body in enumerate(task.body):
        mujoco.mj_jac(build.model, configuration.data, slow, None, task.positions(configuration.data)[row], body)
        np.testing.assert_allclose(jacobian[3 * row : 3 * row + 3], slow, atol=1e-12)
    # A small step changes the error by what the Jacobian says; for orientations, close to the target.
    task.rotations = configuration.data.xmat[task.axes_body].reshape(-1, 3, 3).copy()
    before, step = task.compute_error(configuration), rng.normal(0.0, 1e-6, build.model.nv)
    configuration.update(configuration.integrate(step, 1.0))
    np.testing.assert_allclose(task.compute_error(configuration) - before, jacobian @ step, atol=1e-10)


def test_rotation_vectors() -> None:
    vectors = np.array([[0.0, 0.0, 0.0], [0.3, -0.2, 0.1], [0.0, 2.5, 0.0], [1e-9, 0.0, 0.0]])
    np.testing.assert_allclose(_rotation_vectors(Rotation.from_rotvec(vectors).as_matrix()), vectors, atol=1e-12)


def test_bone_directions_are_the_persons_and_lengths_the_robots(build: Build, people: dict[str, HumanMotion]) -> None:
    person = read_person(people["wave"].replace(positions=people["wave"].positions * 1.7), 50.0)
    found = contacts.find_contacts(person)
    chain = rebuild(person, found, build, scale=1.0 / 1.7)
    at = {name: chain.points[:, index] for index, name in enumerate(POINTS)}
    for first, second, length in (("shoulder", "elbow", build.upper_arm), ("elbow", "wrist", build.forearm)):
        bone = at[f"left_{second}"] - at[f"left_{first}"]
        np.testing.assert_allclose(np.linalg.norm(bone, axis=1), length)
        theirs = getattr(person, second)[:, 0] - getattr(person, first)[:, 0]
        np.testing.assert_allclose(bone / length, theirs / np.linalg.norm(theirs, axis=1)[:, None], atol=1e-9)
    assert found.flat.all() and np.abs(chain.clearance(build)).max() < 0.01


def test_contacts_need_to_be_low_and_slow_and_last(build: Build, people: dict[str, HumanMotion]) -> None:
    squat = people["squat"]
    assert contacts.find_contacts(read_person(squat, 50.0)).flat.all()
    names = squat.joint_names

    def moved(frames: slice, by: np.ndarray) -> contacts.Contacts:
        positions = squat.positions.copy()
        for joint in ("left_knee", "left_ankle", "left_toe"):
            positions[frames, names.index(joint)] += by
        return contacts.find_contacts(read_person(squat.replace(positions=positions), 50.0))

    lifted = moved(slice(40, 60), np.array((0.0, 0.0, 0.1)))
    assert not lifted.planted[42:58, 0].any() and lifted.planted[:38, 0].all() and lifted.planted[:, 1].all()
    assert lifted.clearance[50, 0] == pytest.approx(0.1, abs=0.01)
    # A foot that slides at 1.5 m/s on the ground does not stand.
    frames = np.arange(30)[:, None] / 50.0
    sliding = moved(slice(40, 70), 1.5 * frames * (1.0, 0.0, 0.0))
    assert not sliding.planted[43:67, 0].any()


def test_intervals_and_fade() -> None:
    mask = np.array([1, 1, 0, 0, 0, 1, 0], dtype=bool)
    assert contacts.intervals(mask) == [(0, 2), (5, 6)]
    assert contacts.intervals(np.zeros(3, dtype=bool)) == []
    # Three frames: half way at the second, by the symmetry of the curve.
    weight = contacts.fade(np.array([1, 0, 0, 0, 0, 0], dtype=bool), 3)
    np.testing.assert_allclose(weight[[0, 2, 4, 5]], [1.0, 0.5, 0.0, 0.0])


def test_short_contacts_and_gaps_are_none() -> None:
    mask = np.array([1, 1, 1, 1, 0, 0, 1, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0], dtype=bool)
    expected = np.array([1] * 9 + [0] * 8, dtype=bool)
    np.testing.assert_array_equal(contacts._without_short(mask, 3), expected)


def test_a_locked_foot_rolls_without_slip() -> None:
    sole = np.array([[0.15, 0.04, -0.05], [0.15, -0.04, -0.05], [-0.05, 0.04, -0.05], [-0.05, -0.04, -0.05]])
    pitch = np.concatenate((np.zeros(10), np.linspace(0.0, 0.6, 20)))
    rotation = Rotation.from_rotvec(np.outer(pitch, (0.0, 1.0, 0.0))).as_matrix()
    drifting = np.array((0.0, 0.1, 0.3)) + np.outer(np.arange(30) * 0.01, (1.0, 0.0, 0.0))
    ankle = contacts.lock(drifting, rotation, sole, np.ones(30, dtype=bool), 50.0)
    np.testing.assert_allclose(ankle[:10], np.broadcast_to(ankle[0], (10, 3)), atol=1e-9)
    toes = ankle + rotation @ sole[0]
    np.testing.assert_allclose(toes[:, 2], 0.0, atol=1e-9)
    assert np.ptp(toes[:, 0]) < 2e-3
    # The contact lies where it moves the foot least.
    np.testing.assert_allclose((ankle - drifting)[:, :2].mean(axis=0), 0.0, atol=1e-9)


def test_between_contacts_what_they_moved_fades_over() -> None:
    planted = np.array([1] * 5 + [0] * 20 + [1] * 5, dtype=bool)
    foot = np.zeros((30, 3))
    foot[:, 2] = 0.05
    foot[:5, 0] = np.linspace(0.0, 0.04, 5)
    sole = np.array([[0.0, 0.0, -0.05]])
    ankle = contacts.lock(foot, np.broadcast_to(np.eye(3), (30, 3, 3)), sole, planted, 50.0)
    np.testing.assert_allclose(ankle[:5, 0], 0.02)
    np.testing.assert_allclose(ankle[25:, 0], 0.0, atol=1e-12)
    moved = ankle[:, 0] - foot[:, 0]
    assert moved[4] == pytest.approx(-0.02) and np.all(np.diff(moved[4:26]) >= -1e-12)


def test_a_flight_is_lifted_to_a_fall_at_g() -> None:
    fps, first, last = 50.0, 20, 45
    time = (np.arange(70) - first) / fps
    com = np.zeros((70, 3))
    com[:, 2] = 0.7
    air = slice(first, last + 1)
    duration = (last - first) / fps
    com[air, 2] += 0.75 * 0.5 * GRAVITY * time[air] * (duration - time[air])
    lift = ground.flight_lift(com, [(first, last)], fps)
    height = com[:, 2] + lift
    np.testing.assert_allclose(np.diff(height[air], n=2) * fps**2, -GRAVITY, rtol=1e-9)
    assert lift[first] == lift[last] == 0.0 and np.abs(lift[:8]).max() == 0.0
    # The speed of the take-off is gathered before it, by going lower first.
    assert lift[first - 6] < -0.005
    jolt = np.abs(np.diff(lift, n=2))[first - 13 : last + 13].max() * fps
    assert jolt < 0.3


def test_only_what_falls_is_a_flight(build: Build, people: dict[str, HumanMotion]) -> None:
    jump = read_person(people["vertical_jump"], 50.0)
    found = contacts.find_contacts(jump)
    ((first, last),) = ground.find_flights(jump, found)
    assert found.planted[first].any() and found.planted[last].any() and not found.planted[first + 1 : last].any()
    # The same at a quarter of the speed hangs on a rope.
    slow = read_person(people["vertical_jump"].replace(fps=12.5), 50.0)
    assert ground.find_flights(slow, contacts.find_contacts(slow)) == []


def test_a_cover_is_smooth_and_nowhere_below() -> None:
    depth = np.zeros(100)
    depth[40:43] = (0.01, 0.05, 0.02)
    cover = ground._cover(depth, 50.0)
    assert (cover >= depth - 1e-12).all() and cover.max() == pytest.approx(0.05, abs=1e-3)
    assert np.abs(np.diff(cover)).max() < 0.012 and cover[:20].max() == 0.0


def test_the_cheapest_path_is_the_cheapest_of_all() -> None:
    rng = np.random.default_rng(1)
    prices, change = rng.random((9, 2)), 0.3 * rng.random(9)

    def total(path: tuple[int, ...]) -> float:
        changes = sum(change[frame] for frame in range(1, 9) if path[frame] != path[frame - 1])
        return sum(prices[frame, way] for frame, way in enumerate(path)) + changes

    best = min(itertools.product((0, 1), repeat=9), key=total)
    assert tuple(cheapest_path(prices, change)) == best and 0 < sum(best) < 9


def test_smoothing_keeps_cubics_and_the_sign_of_quaternions() -> None:
    time = np.linspace(-1.0, 1.0, 40)
    qpos = np.zeros((40, 9))
    qpos[:, 0], qpos[:, 8] = time**3 - time, 2.0 * time**2
    angle = 0.2 * time
    qpos[:, 3], qpos[:, 6] = np.cos(angle), np.sin(angle)
    flipped = qpos.copy()
    flipped[20:, 3:7] *= -1.0
    out = smooth(flipped, 50.0)
    np.testing.assert_allclose(out[:, [0, 8]], qpos[:, [0, 8]], atol=1e-12)
    np.testing.assert_allclose(out[:, 3:7], qpos[:, 3:7], atol=1e-5)
