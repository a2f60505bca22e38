"""The resident motion library against a slow reference, clip by clip in float64."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from athena_wbc.embodiment import Embodiment, get_embodiment, load_embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.kinematics import Kinematics
from athena_wbc.motion.clip import MotionClip
from athena_wbc.motion.library import MotionLibrary, PackedClips
from athena_wbc.motion.reference import GeneralisedState, ReferenceState
from athena_wbc.rotations import quat_exp, quat_mul, quat_slerp, rotation_angle
from tests.toy_robot import write_toy

RATES = (30.0, 29.887, 50.0, 60.0, 120.0)
NO_CACHE = 0.0


@pytest.fixture(scope="module")
def g1() -> Embodiment:
    return get_embodiment("g1")


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Embodiment:
    return load_embodiment(write_toy(tmp_path_factory.mktemp("toy")))


def make_clip(robot: Embodiment, name: str, fps: float = 50.0, seconds: float = 1.0, place: float = 0.0) -> MotionClip:
    """A smooth motion of everything, different for every name, around x = place."""
    rng = np.random.default_rng(list(name.encode()))
    t = np.arange(round(seconds * fps) + 1)[:, None] / fps

    def waves(size: int, scale: float) -> np.ndarray:
        phase, frequency = rng.uniform(0, 2 * math.pi, (2, size))
        return scale * np.sin(frequency * t + phase)

    turn = quat_exp(torch.from_numpy(waves(3, 1.5)))
    spin = quat_exp(torch.from_numpy(t * rng.normal(size=3)))
    return MotionClip(
        name=name,
        fps=fps,
        root_pos=waves(3, 0.5) + np.array([place, 0.0, 0.8]),
        root_quat=quat_mul(spin, turn).numpy(),
        joint_pos=waves(robot.num_joints, 0.7),
        joint_names=robot.joint_names,
        label="dynamic",
    )


@pytest.fixture(scope="module")
def clips(g1: Embodiment) -> list[MotionClip]:
    """One clip a frame rate, lengths that no control step divides, ten metres from each other."""
    return [
        make_clip(g1, f"clip {number}", fps, 0.7 + 0.213 * number, 10.0 * number) for number, fps in enumerate(RATES)
    ]


@pytest.fixture(scope="module", params=["cached", "kinematics"])
def library(request: pytest.FixtureRequest, g1: Embodiment, clips: list[MotionClip]) -> MotionLibrary:
    found = MotionLibrary(clips, g1, memory_budget_gb=1.0 if request.param == "cached" else NO_CACHE)
    assert found.cached == (request.param == "cached")
    return found


def every_step(library: MotionLibrary) -> tuple[Tensor, Tensor]:
    clip = torch.repeat_interleave(torch.arange(library.num_clips), library.num_steps)
    step = torch.cat([torch.arange(count) for count in library.num_steps])
    return clip, step


def slow_reference(robot: Embodiment, clip: MotionClip, time: float) -> dict[str, np.ndarray]:
    """One clip at one time, float64: between two frames everything linear, orientation by slerp."""
    at = min(max(time, 0.0), clip.duration) * clip.fps
    low = min(int(at + 1e-9), clip.num_frames - 2)
    weight = min(max(at - low, 0.0), 1.0)

    def between(values: np.ndarray) -> np.ndarray:
        return (1 - weight) * values[low] + weight * values[low + 1]

    ends = torch.from_numpy(clip.root_quat[low : low + 2].copy())
    general = {
        "root_pos_w": between(clip.root_pos),
        "root_quat_w": quat_slerp(ends[0], ends[1], torch.tensor(weight, dtype=torch.float64)).numpy(),
        "root_lin_vel_w": between(clip.root_lin_vel),
        "root_ang_vel_w": between(clip.root_ang_vel),
        "joint_pos": between(clip.joint_pos),
        "joint_vel": between(clip.joint_vel),
    }
    order = ("root_pos_w", "root_quat_w", "joint_pos", "root_lin_vel_w", "root_ang_vel_w", "joint_vel")
    state = Kinematics(robot, robot.key_bodies, dtype=torch.float64).state(
        *(torch.from_numpy(general[key]) for key in order)
    )
    body = {f"body_{field.name}_w": getattr(state, field.name).numpy() for field in dataclasses.fields(state)}
    return general | body


def assert_state(state: GeneralisedState, expected: list[dict[str, np.ndarray]], tolerance: float = 1e-5) -> None:
    """Rows of a state against slow references.

    Velocities are coarser: float32 keeps a place 40 m away to 2e-6 m, over a frame of 1/120 s that is 5e-4 m/s.
    """
    for field in dataclasses.fields(state):
        found = getattr(state, field.name)
        wanted = torch.from_numpy(np.stack([row[field.name] for row in expected]))
        assert found.dtype == torch.float32
        assert found.shape == wanted.shape, field.name
        if "quat" in field.name:
            assert rotation_angle(found.double(), wanted).max() < tolerance, field.name
        else:
            scale = 50.0 if "vel" in field.name else 1.0
            assert (found.double() - wanted).abs().max() < scale * tolerance, field.name


def assert_equal(found: GeneralisedState, expected: GeneralisedState, tolerance: float = 0.0) -> None:
    for field in dataclasses.fields(found):
        torch.testing.assert_close(
            getattr(found, field.name), getattr(expected, field.name), rtol=0.0, atol=tolerance, msg=field.name
        )


# Numbers


def test_every_step_of_every_clip(library: MotionLibrary, g1: Embodiment, clips: list[MotionClip]) -> None:
    clip, step = every_step(library)
    rows = torch.arange(0, len(clip), 5)
    expected = [slow_reference(g1, clips[clip[row]], float(step[row]) * 0.02) for row in rows]
    assert_state(library.at(clip[rows], step[rows]), expected)


def test_any_time(library: MotionLibrary, g1: Embodiment, clips: list[MotionClip]) -> None:
    rng = np.random.default_rng(0)
    clip = rng.integers(len(clips), size=60)
    time = np.array([clips[number].duration for number in clip]) * rng.uniform(-0.1, 1.1, 60)
    expected = [slow_reference(g1, clips[number], at) for number, at in zip(clip, time, strict=True)]
    assert_state(library.query(torch.from_numpy(clip), torch.from_numpy(time)), expected)


def test_the_cache_holds_what_kinematics_gives(g1: Embodiment, clips: list[MotionClip]) -> None:
    cached, computed = MotionLibrary(clips, g1), MotionLibrary(clips, g1, memory_budget_gb=NO_CACHE)
    clip, step = every_step(cached)
    assert_equal(cached.at(clip, step), computed.at(clip, step), 1e-5)
    ahead = step.unsqueeze(-1) + torch.tensor([-3, 0, 2, 50])
    assert_equal(cached.generalised(clip, ahead), computed.generalised(clip, ahead), 1e-5)


def test_a_frame_at_a_control_step_is_returned_as_it_is(g1: Embodiment) -> None:
    clip = make_clip(g1, "plain", 50.0, 2.0)
    library = MotionLibrary([clip], g1, memory_budget_gb=NO_CACHE)
    state = library.at(torch.zeros(101, dtype=torch.long), torch.arange(101))
    np.testing.assert_array_equal(state.joint_pos.numpy(), clip.joint_pos.astype(np.float32))
    np.testing.assert_array_equal(state.root_pos_w.numpy(), clip.root_pos.astype(np.float32))


@pytest.mark.parametrize("budget", [NO_CACHE, 1.0])
def test_a_long_clip_is_as_exact_at_its_end(toy: Embodiment, budget: float) -> None:
    """Half an hour in which the joints change sides in every frame: a thousandth of a frame would be seen."""
    frames = 90_001
    side = np.where(np.arange(frames) % 2 == 0, 0.5, -0.5)
    clip = MotionClip(
        name="long",
        fps=50.0,
        root_pos=np.zeros((frames, 3)),
        root_quat=np.tile([0.0, 0.0, 0.0, 1.0], (frames, 1)),
        joint_pos=np.tile(side[:, None], (1, 5)),
        joint_names=toy.joint_names,
    )
    library = MotionLibrary([clip], toy, memory_budget_gb=budget)
    step = torch.tensor([0, 1, 29_999, 30_000, 59_999, 89_998, 89_999, 90_000])
    zero = torch.zeros(len(step), dtype=torch.long)
    expected = torch.from_numpy(side)[step].float().unsqueeze(-1).expand(-1, 5)
    torch.testing.assert_close(library.at(zero, step).joint_pos, expected, rtol=0.0, atol=1e-6)
    found = library.generalised(zero[:1], step.unsqueeze(0)).joint_pos[0]
    torch.testing.assert_close(found, expected, rtol=0.0, atol=1e-6)


def test_velocities_of_a_steady_motion(g1: Embodiment) -> None:
    """1.5 m/s, 2 rad/s about a tilted axis, joints at 0.3 rad/s: the same at every time, at the ends too."""
    axis = np.array([2.0, -1.0, 2.0]) / 3.0
    t = np.arange(31)[:, None] / 29.887
    clip = make_clip(g1, "steady", 29.887, 30 / 29.887).replace(
        root_pos=t * [1.5, 0.0, 0.0],
        root_quat=quat_exp(torch.from_numpy(2.0 * t * axis)).numpy(),
        joint_pos=np.tile(0.3 * t, (1, 29)),
    )
    library = MotionLibrary([clip], g1, memory_budget_gb=NO_CACHE)
    time = torch.linspace(0.0, 1.01, 37)
    state = library.query(torch.zeros(37, dtype=torch.long), time)
    assert (state.root_lin_vel_w - torch.tensor([1.5, 0.0, 0.0])).abs().max() < 2e-5
    assert (state.root_ang_vel_w - 2.0 * torch.from_numpy(axis)).abs().max() < 2e-5
    assert (state.joint_vel - 0.3).abs().max() < 2e-5


# Every clip keeps to itself


def first_and_last(g1: Embodiment, clips: list[MotionClip]) -> tuple[list[dict], list[dict]]:
    first = [slow_reference(g1, clip, 0.0) for clip in clips]
    return first, [slow_reference(g1, clip, clip.duration) for clip in clips]


def test_time_beyond_the_ends_is_held(library: MotionLibrary, g1: Embodiment, clips: list[MotionClip]) -> None:
    """Velocities included: the last frame's is its own one-sided difference, not one with the next clip."""
    first, last = first_and_last(g1, clips)
    every = torch.arange(len(clips))
    for over in (0.0, 1e-6, 0.3, 1e4, math.inf):
        assert_state(library.query(every, library.durations + over), last)
        assert_state(library.query(every, torch.full((len(clips),), -over)), first)


def test_steps_beyond_the_ends_are_held(library: MotionLibrary) -> None:
    every = torch.arange(library.num_clips)
    last = library.at(every, library.num_steps - 1)
    first = library.at(every, torch.zeros_like(every))
    for over in (0, 1, 1000, 10**9):
        assert_equal(library.at(every, library.num_steps - 1 + over), last)
        assert_equal(library.at(every, torch.zeros_like(every) - over), first)


def test_no_query_leaves_its_own_clip(library: MotionLibrary) -> None:
    """The clips move half a metre around places ten metres apart."""
    time = torch.linspace(-0.5, 3.0, 400, dtype=torch.float64)
    for clip in range(library.num_clips):
        state = library.query(torch.full((400,), clip), time)
        assert (state.root_pos_w[:, 0] - 10.0 * clip).abs().max() < 0.6
        assert state.root_lin_vel_w.abs().max() < 5.0
        ahead = torch.arange(-20, 300).unsqueeze(0)
        future = library.generalised(torch.tensor([clip]), ahead)
        assert (future.root_pos_w[..., 0] - 10.0 * clip).abs().max() < 0.6
        assert future.root_lin_vel_w.abs().max() < 5.0


def test_futures_hold_at_the_end_of_their_clip(library: MotionLibrary) -> None:
    every = torch.arange(library.num_clips)
    start = library.num_steps - 3
    future = library.generalised(every, start.unsqueeze(-1) + torch.arange(6))
    for offset in range(6):
        expected = library.at(every, start + min(offset, 2))
        for field in dataclasses.fields(GeneralisedState):
            found = getattr(future, field.name)[:, offset]
            torch.testing.assert_close(found, getattr(expected, field.name), rtol=0.0, atol=0.0)


def test_number_of_control_steps(g1: Embodiment) -> None:
    """floor(duration / dt) + 1, where a duration that is a multiple of dt counts its last frame."""
    cases = [(61, 30.0, 101), (60, 30.0, 99), (2, 50.0, 2), (31, 29.887, 51), (51, 50.0, 51), (3601, 120.0, 1501)]
    clips = [make_clip(g1, f"{frames}", fps, (frames - 1) / fps) for frames, fps, _ in cases]
    library = MotionLibrary(clips, g1, memory_budget_gb=NO_CACHE)
    assert library.num_steps.tolist() == [steps for *_, steps in cases]
    assert library.durations.tolist() == [clip.duration for clip in clips]
    assert ((library.num_steps - 1) * 0.02 <= library.durations + 1e-9).all()
    # Frames at the control rate are control steps, whichever way (frames - 1) / 50 / 0.02 is rounded.
    frames = np.arange(2, 400)
    rows = np.zeros((frames.sum(), 36), dtype=np.float32)
    packed = PackedClips(rows, frames, np.full(398, 50.0), tuple(map(str, frames)), ("",) * 398)
    assert MotionLibrary(packed, g1, memory_budget_gb=NO_CACHE).num_steps.tolist() == frames.tolist()
    slower = MotionLibrary(clips[:2], g1, control_dt=0.1, memory_budget_gb=NO_CACHE)
    assert slower.num_steps.tolist() == [21, 20]


# Shapes and ownership


def test_shapes(library: MotionLibrary) -> None:
    clip, step = torch.tensor([0, 3, 3, 1]), torch.tensor([5, 1, 7, 0])
    state = library.at(clip, step)
    assert isinstance(state, ReferenceState)
    assert state.root_pos_w.shape == (4, 3)
    assert state.joint_vel.shape == (4, 29)
    assert state.body_quat_w.shape == (4, 14, 4)
    future = library.generalised(clip, step.unsqueeze(-1) + torch.arange(10))
    assert future.root_quat_w.shape == (4, 10, 4)
    assert future.joint_pos.shape == (4, 10, 29)
    nobody = library.at(clip[:0], step[:0])
    assert nobody.body_pos_w.shape == (0, 14, 3)


def test_what_is_handed_out_may_be_written(library: MotionLibrary) -> None:
    clip, step = torch.tensor([1]), torch.tensor([4])
    before = library.at(clip, step)
    kept = before.body_pos_w.clone()
    for field in dataclasses.fields(before):
        getattr(before, field.name).zero_()
    torch.testing.assert_close(library.at(clip, step).body_pos_w, kept, rtol=0.0, atol=0.0)


def test_names_and_labels(library: MotionLibrary) -> None:
    assert library.num_clips == 5
    assert library.names[3] == "clip 3"
    assert library.labels == ("dynamic",) * 5
    assert library.clip_index(["clip 4", "clip 0"]) == [4, 0]
    with pytest.raises(AthenaError, match="motions: clip unknown 'clip 9'; did you mean 'clip"):
        library.clip_index(["clip 9"])


def test_joints_are_matched_by_name(g1: Embodiment) -> None:
    clip = make_clip(g1, "turned")
    names = g1.joint_names[::-1]
    turned = clip.replace(joint_names=names, joint_pos=clip.joint_pos[:, ::-1])
    zero = torch.zeros(1, dtype=torch.long)
    assert_equal(MotionLibrary([turned], g1).at(zero, zero + 7), MotionLibrary([clip], g1).at(zero, zero + 7))


def test_packed_clips_are_taken_as_they_are(g1: Embodiment, clips: list[MotionClip]) -> None:
    packed = PackedClips.of(clips, g1)
    assert packed.coordinates.dtype == np.float32
    library = MotionLibrary(packed, g1)
    clip, step = every_step(library)
    assert_equal(library.at(clip, step), MotionLibrary(clips, g1).at(clip, step))


# Memory


def test_36_floats_a_frame(g1: Embodiment, clips: list[MotionClip]) -> None:
    library = MotionLibrary(clips, g1, memory_budget_gb=NO_CACHE)
    frames = sum(clip.num_frames for clip in clips)
    assert library.resident_bytes == 36 * 4 * frames
    held = sum(value.numel() * value.element_size() for value in vars(library).values() if isinstance(value, Tensor))
    overhead = held - library.resident_bytes
    assert overhead < 64 * len(clips) + 64
    # The corpus of the paper: 175.88 hours at 50 Hz, in clips of ten seconds.
    hours = 175.88
    assert library.resident_bytes / frames * hours * 3600 * 50 + overhead / len(clips) * hours * 360 < 5e9


def test_the_memory_budget_switches_the_cache(g1: Embodiment, clips: list[MotionClip]) -> None:
    size = MotionLibrary(clips, g1).cache_bytes
    steps = int(MotionLibrary(clips, g1).num_steps.sum())
    assert size == 4 * steps * (3 + 4 + 3 + 3 + 29 + 29 + 14 * (3 + 4 + 3 + 3))
    assert MotionLibrary(clips, g1, memory_budget_gb=size / 1e9).cached
    assert not MotionLibrary(clips, g1, memory_budget_gb=(size - 1) / 1e9).cached
    assert MotionLibrary(clips, g1, memory_budget_gb=(size - 1) / 1e9).cache_bytes == size


def test_the_cache_takes_what_it_says(g1: Embodiment, clips: list[MotionClip]) -> None:
    def tensors(library: MotionLibrary) -> int:
        return sum(value.untyped_storage().nbytes() for value in vars(library).values() if isinstance(value, Tensor))

    cached, plain = MotionLibrary(clips, g1), MotionLibrary(clips, g1, memory_budget_gb=NO_CACHE)
    assert tensors(cached) - tensors(plain) == cached.cache_bytes


def test_a_cache_built_in_parts(g1: Embodiment, clips: list[MotionClip], monkeypatch: pytest.MonkeyPatch) -> None:
    whole = MotionLibrary(clips, g1)
    monkeypatch.setattr("athena_wbc.motion.library._BUILD_ROWS", 37)
    clip, step = every_step(whole)
    assert_equal(MotionLibrary(clips, g1).at(clip, step), whole.at(clip, step), 1e-6)


# Which corpus it is


def test_hash(g1: Embodiment, clips: list[MotionClip]) -> None:
    def of(found: list[MotionClip], **options: Any) -> str:
        return MotionLibrary(found, g1, **options).hash

    expected = of(clips)
    assert of(clips, memory_budget_gb=NO_CACHE) == of(list(clips), control_dt=0.01) == expected
    joints = clips[2].joint_pos.copy()
    joints[3, 4] += 1e-3
    others = [
        clips[:-1],
        [*clips[1:], clips[0]],
        [*clips[:-1], clips[-1].replace(name="renamed")],
        [*clips[:-1], clips[-1].replace(fps=100.0)],
        [*clips[:2], clips[2].replace(joint_pos=joints), *clips[3:]],
    ]
    assert len({expected, *map(of, others)}) == 1 + len(others)


def test_hash_knows_where_a_clip_ends(g1: Embodiment) -> None:
    """The same frames, names and rates, cut at another place."""
    clip = make_clip(g1, "whole")
    hashes = set()
    for cut in (10, 20):
        parts = [clip.slice(0, cut).replace(name="a"), clip.slice(cut, clip.num_frames).replace(name="b")]
        hashes.add(MotionLibrary(parts, g1).hash)
    assert len(hashes) == 2


# Refusals


def test_no_clip(g1: Embodiment) -> None:
    with pytest.raises(AthenaError, match="motions: no clip was found"):
        MotionLibrary([], g1)


def test_two_clips_of_one_name(g1: Embodiment) -> None:
    with pytest.raises(AthenaError, match="motions: two clips are called 'b'; rename one"):
        MotionLibrary([make_clip(g1, name) for name in "abcb"], g1)


def test_a_clip_shorter_than_a_control_step(g1: Embodiment) -> None:
    clips = [make_clip(g1, "long"), make_clip(g1, "short", 120.0, 2 / 120.0)]
    with pytest.raises(AthenaError, match=r"short: lasts less than one control step of 0\.02 s; leave the clip out"):
        MotionLibrary(clips, g1)


def test_joints_of_another_robot(g1: Embodiment, toy: Embodiment) -> None:
    with pytest.raises(AthenaError, match="foreign: joint unknown 'neck'"):
        MotionLibrary([make_clip(toy, "foreign")], g1)


def test_packed_clips_of_another_robot(g1: Embodiment, toy: Embodiment) -> None:
    packed = PackedClips.of([make_clip(toy, "foreign")], toy)
    with pytest.raises(AthenaError, match="motions: have 12 numbers a frame, robot 'g1' needs 36"):
        MotionLibrary(packed, g1)
