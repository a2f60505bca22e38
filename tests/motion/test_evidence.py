from __future__ import annotations

import math

import mujoco
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from athena_wbc.embodiment import get_embodiment
from athena_wbc.motion import evidence
from athena_wbc.motion.clip import MotionClip
from athena_wbc.motion.colliders import surface_points
from athena_wbc.motion.evidence import BodyTrace, Posture
from tests.motion.samples import gliding, jumping, random_clip, standing

G1 = get_embodiment("g1")


def trace_of(clip: MotionClip) -> BodyTrace:
    return evidence.trace_bodies(G1, clip.root_pos, clip.root_quat, clip.joint_pos, clip.fps)


def test_bodies_agree_with_mujoco() -> None:
    clip = random_clip(G1, frames=5)
    trace = trace_of(clip)
    model = mujoco.MjModel.from_xml_path(str(G1.model_path))
    data = mujoco.MjData(model)
    others = [
        g
        for g in range(model.ngeom)
        if model.geom_contype[g] and model.body(model.geom_bodyid[g]).name in G1.body_names
    ]
    others = [g for g in others if model.body(model.geom_bodyid[g]).name not in G1.feet]
    soles = [[g for g in range(model.ngeom) if model.body(model.geom_bodyid[g]).name == foot] for foot in G1.feet]
    for frame in range(5):
        data.qpos[:3], data.qpos[3:7] = clip.root_pos[frame], np.roll(clip.root_quat[frame], 1)
        data.qpos[7:] = clip.joint_pos[frame]
        mujoco.mj_kinematics(model, data)
        mujoco.mj_comPos(model, data)
        np.testing.assert_allclose(trace.com[frame], data.subtree_com[1], atol=1e-9)
        matrix = Rotation.from_quat(clip.root_quat[frame]).as_matrix()
        assert trace.upright[frame] == pytest.approx(matrix[2, 2])
        np.testing.assert_allclose(trace.forward[frame], matrix[:2, 0], atol=1e-12)
        for foot, name in enumerate(G1.feet):
            spheres = [
                g for g in soles[foot] if model.geom_type[g] == mujoco.mjtGeom.mjGEOM_SPHERE and model.geom_contype[g]
            ]
            assert len(spheres) == 4
            lowest = min(data.geom_xpos[g][2] - model.geom_size[g][0] for g in spheres)
            assert trace.foot_height[frame, foot] == pytest.approx(lowest, abs=1e-9)
            centre = np.mean([data.geom_xpos[g][:2] for g in spheres], axis=0)
            np.testing.assert_allclose(trace.foot_pos[frame, foot], centre, atol=1e-9)
            tilt = math.acos(data.body(name).xmat[8])
            assert trace.foot_tilt[frame, foot] == pytest.approx(tilt, abs=0.01)
        # The lowest point of a sphere or a capsule: its axis is the geom's own z, of half length size[1].
        half = [model.geom_size[g][1] * (model.geom_type[g] == mujoco.mjtGeom.mjGEOM_CAPSULE) for g in others]
        lowest = min(
            data.geom_xpos[g][2] - abs(data.geom_xmat[g][8]) * length - model.geom_size[g][0]
            for g, length in zip(others, half, strict=True)
        )
        assert trace.other_height[frame] == pytest.approx(lowest, abs=1e-9)


def test_the_default_pose_stands_on_its_soles() -> None:
    trace = trace_of(standing(G1))
    np.testing.assert_allclose(trace.foot_height, 0.0, atol=0.01)
    np.testing.assert_allclose(trace.foot_tilt, 0.0, atol=1e-6)
    assert (trace.other_height > 0.02).all()


def test_surface_points_of_feet_belong_to_feet() -> None:
    points = surface_points(G1)
    for foot, name in enumerate(G1.feet):
        assert set(points.body[points.foot == foot]) == {G1.body_names.index(name)}
    assert (points.foot < 0).sum() > 10


def test_long_clips_are_traced_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    clip = random_clip(G1, frames=23)
    whole = trace_of(clip)
    monkeypatch.setattr(evidence, "_CHUNK", 5)
    for key in ("upright", "forward", "foot_height", "foot_pos", "foot_tilt", "com", "other_height"):
        np.testing.assert_array_equal(getattr(trace_of(clip), key), getattr(whole, key))


def test_posture_of_a_glide_by_hand() -> None:
    reading = evidence.posture(trace_of(gliding(G1, speed=0.7)))
    assert reading.upright == 1.0
    assert reading.slip == pytest.approx(0.7)
    assert reading.facing == pytest.approx(1.0)
    assert reading.moving == 1.0
    assert evidence.posture(trace_of(gliding(G1, speed=-0.7))).facing == pytest.approx(-1.0)
    assert evidence.posture(trace_of(standing(G1))).facing == 0.0


def test_each_comparison_counts_as_documented() -> None:
    one = Posture(upright=1.0, slip=0.03, tilt=0.1, facing=0.0, moving=0.0)
    assert evidence.compare_readings(one, one) == 0.0
    assert evidence.compare_readings(one, Posture(0.5, 0.03, 0.1, 0.0, 0.0)) == pytest.approx(1.0)
    assert evidence.compare_readings(one, Posture(1.0, 0.07, 0.1, 0.0, 0.0)) == pytest.approx(1.0)
    assert evidence.compare_readings(one, Posture(1.0, 0.03, 0.1 + math.radians(20), 0.0, 0.0)) == pytest.approx(1.0)
    fast, turned = Posture(1.0, 0.03, 0.1, 1.0, 0.2), Posture(1.0, 0.03, 0.1, -1.0, 0.2)
    assert evidence.compare_readings(fast, turned) == pytest.approx(2.0)
    slow, turned = Posture(1.0, 0.03, 0.1, 1.0, 0.05), Posture(1.0, 0.03, 0.1, -1.0, 0.05)
    assert evidence.compare_readings(slow, turned) == pytest.approx(0.5)


@pytest.mark.parametrize("gravity", [9.81, 3.7, 20.0])
@pytest.mark.parametrize("fps", [30.0, 60.0])
def test_a_jump_measures_the_gravity_that_made_it(gravity: float, fps: float) -> None:
    (flight,) = evidence.find_flights(trace_of(jumping(G1, fps, gravity)))
    assert flight.acceleration == pytest.approx(-gravity, rel=1e-6)
    assert flight.deviation < 1e-6
    assert flight.fit == pytest.approx(1.0)
    apex = 0.5 + 2.5 / gravity
    assert flight.start / fps < apex < flight.stop / fps
    assert flight.rise == pytest.approx(2.5**2 / (2 * gravity), abs=0.02)
    fall = evidence.measure_fall([flight])
    assert fall.error == pytest.approx(gravity / 9.81 - 1.0)
    assert fall.is_wrong == (abs(gravity / 9.81 - 1.0) > 0.4)
    assert fall.fitting_fps(fps) == pytest.approx(fps * math.sqrt(9.81 / gravity))


def test_a_small_hop_counts_when_its_parabola_is_exact() -> None:
    """A rise of 7 cm; the same with millimetres of noise cannot be told from feet that float."""
    hop = trace_of(jumping(G1, fps=100.0, take_off=1.2))
    (flight,) = evidence.find_flights(hop)
    assert flight.acceleration == pytest.approx(-9.81)
    noise = np.random.default_rng(0).normal(0.0, 0.002, hop.com.shape)
    assert evidence.find_flights(evidence.dataclasses.replace(hop, com=hop.com + noise)) == []
    jump = trace_of(jumping(G1, fps=100.0, take_off=2.5))
    noise = np.random.default_rng(0).normal(0.0, 0.002, jump.com.shape)
    assert evidence.find_flights(evidence.dataclasses.replace(jump, com=jump.com + noise))


def test_a_hop_of_three_centimetres_is_no_flight() -> None:
    assert evidence.find_flights(trace_of(jumping(G1, fps=100.0, take_off=0.77))) == []
    assert evidence.measure_fall([]) is None


def test_a_floating_clip_and_a_step_up_are_no_flights() -> None:
    clip = standing(G1)
    lift = np.zeros((60, 3))
    lift[:, 2] = 0.2
    assert evidence.find_flights(trace_of(clip.replace(root_pos=clip.root_pos + lift))) == []
    lift[:30] = 0.0
    assert evidence.find_flights(trace_of(clip.replace(root_pos=clip.root_pos + lift))) == []


def test_legs_slowly_pulled_up_while_the_body_hangs_are_no_flight() -> None:
    clip = standing(G1, frames=161)
    bend = np.exp(-(((np.arange(161) - 80) / 20.0) ** 2))[:, None]
    joint_pos = clip.joint_pos.copy()
    for name, angle in (("hip_pitch", -0.9), ("knee", 1.6)):
        joints = G1.joint_index(tuple(f"{side}_{name}_joint" for side in ("left", "right")))
        joint_pos[:, joints] += bend * angle
    trace = trace_of(clip.replace(joint_pos=joint_pos))
    assert trace.lowest.max() > evidence.FLIGHT_RISE + 0.02
    assert evidence.find_flights(trace) == []


def test_a_body_that_only_rises_is_in_no_flight() -> None:
    """A flight at g, but pulled up so fast that the top of the parabola is never reached."""
    trace = trace_of(jumping(G1))
    climb = np.arange(len(trace.com))[:, None] / trace.fps * (0.0, 0.0, 20.0)
    assert evidence.find_flights(evidence.dataclasses.replace(trace, com=trace.com + climb)) == []


def test_hands_on_the_ground_are_no_flight() -> None:
    """The jump again, with the other bodies' lowest point on the ground."""
    trace = trace_of(jumping(G1))
    supported = evidence.dataclasses.replace(trace, other_height=np.zeros_like(trace.other_height))
    assert evidence.find_flights(trace)
    assert evidence.find_flights(supported) == []


def test_the_median_of_the_flights_counts() -> None:
    flights = [evidence.Flight(0, 9, 0.3, acceleration, 0.3, 1.0) for acceleration in (-9.0, -2.0, -8.0)]
    fall = evidence.measure_fall(flights)
    assert (fall.acceleration, fall.flights) == (-8.0, 3)
    assert fall.deviation == pytest.approx(0.3 / math.sqrt(3))


def test_an_uncertain_fall_is_not_wrong() -> None:
    assert evidence.Fall(-5.0, 0.0, 1).is_wrong
    assert not evidence.Fall(-5.0, 0.5, 1).is_wrong


def test_limit_excess_by_hand() -> None:
    joint_pos = np.tile(G1.default_joint_pos, (2, 1))
    joint_pos[0, 3] = G1.joint_upper[3] + 0.1
    joint_pos[1, 5] = G1.joint_lower[5] - 0.2
    excess = evidence.limit_excess(G1, joint_pos)
    assert excess[0, 3] == pytest.approx(0.1)
    assert excess[1, 5] == pytest.approx(0.2)
    assert np.count_nonzero(excess) == 2
