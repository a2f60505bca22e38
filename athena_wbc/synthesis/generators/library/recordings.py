"""Recorded moves: DeepMimic clips on the skeleton of this generator.

The humanoid of DeepMimic hangs its limbs straight down at rest, as the canonical frames of `skeleton` do, so its
orientations carry over bone by bone; bone lengths are those of the mean person, the root is scaled by the legs.
"""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter1d

from athena_wbc.errors import AthenaError
from athena_wbc.files import sha256_file
from athena_wbc.motion.formats.human import deepmimic
from athena_wbc.motion.formats.human.raw import HumanOptions
from athena_wbc.synthesis.generators.library.script import Key, Pivot, Step
from athena_wbc.synthesis.generators.library.skeleton import (
    ARMS,
    BALLS,
    INDEX,
    LEG_LENGTH,
    LEGS,
    OFFSETS,
    SIDES,
    Track,
    about,
    between,
    local_rotations,
    place,
    world_rotations,
)  # fmt: skip
from athena_wbc.synthesis.generators.library.stance import decay, reach_ground, write_leg
from athena_wbc.synthesis.generators.library.timeline import HALF_WIDTH, Footing
from athena_wbc.synthesis.motion import FPS, JOINTS
from athena_wbc.synthesis.vocabulary import Manner, Move

LICENCE = "DeepMimic, Peng et al. 2018, MIT"

SLOWEST, QUICKEST = 0.75, 1.4
"""Range of tempo to which a recording is warped."""

_UP = np.array(((1.0, 0.0, 0.0), (0.0, 0.0, -1.0), (0.0, 1.0, 0.0)))
_MIRROR = np.diag((1.0, -1.0, 1.0))
_AIRBORNE = 0.05
_HEEL_SPEED, _HEEL_HEIGHT = 0.5, 0.06
"""Below these, in m/s and m, a foot of a recording stands."""


@dataclasses.dataclass(frozen=True)
class Excerpt:
    """What of a clip shows a move."""

    clip: str
    start: float
    stop: float
    """Seconds; the stop is cut at the clip's end."""
    side: str
    """The acting one in the clip."""
    flies: bool = False
    """Time in flight is gravity's: such an excerpt is not warped."""


EXCERPTS: dict[str, Excerpt] = {
    "jump": Excerpt("jump", 0.0, 9.0, "right", flies=True),
    "side_kick": Excerpt("kick", 0.0, 9.0, "right"),
    "straight_punch": Excerpt("punch", 0.0, 9.0, "right"),
    "spin_kick": Excerpt("spinkick", 0.0, 9.0, "right", flies=True),
    "cartwheel": Excerpt("cartwheel", 0.0, 9.0, "right"),
    "backflip": Excerpt("backflip", 0.0, 9.0, "right", flies=True),
    "roll": Excerpt("roll", 0.0, 9.0, "right"),
}
"""Moves that clips show; they begin and end on both feet, nearly at rest."""


@dataclasses.dataclass(frozen=True)
class Recording:
    """A clip on the skeleton at its own rate."""

    path: Path
    digest: str
    fps: float
    track: Track


@dataclasses.dataclass(frozen=True)
class Take:
    """A recorded move at the generator's rate: the heading is 0 and the feet are around the origin at its start."""

    track: Track
    excerpt: Excerpt
    recording: Recording
    warp: float

    @property
    def duration(self) -> float:
        """Seconds."""
        return (len(self.track) - 1) / FPS


def find_clips(mocap: str) -> dict[str, Path]:
    """Name -> file of the recordings that a setting of :class:`LibraryConfig` names.

    Raises:
        AthenaError: the package, or clips in the folder, are missing.
    """
    if mocap == "none":
        return {}
    if mocap in ("auto", "pybullet"):
        clips = deepmimic.installed_clips()
        if mocap == "pybullet" and not clips:
            raise AthenaError(
                "library: mocap: the package pybullet is not installed: pip install pybullet, or say auto"
            )
        return clips
    files = sorted(Path(mocap).glob("humanoid3d_*.txt"))
    if not files:
        raise AthenaError(f"{mocap}: has no humanoid3d_*.txt; name the folder of DeepMimic's clips")
    return {path.stem.removeprefix("humanoid3d_"): path for path in files}


def fits(move: Move, manner: Manner) -> bool:
    """Whether a recording can show a move: it has one height, direction and size, and stops nowhere."""
    return (
        move.move in EXCERPTS
        and not move.height
        and move.direction in ("", "forward")
        and not move.turns
        and 0.8 <= manner.amplitude <= 1.2
        and 0.85 <= manner.jump <= 1.2
        and SLOWEST <= manner.tempo <= QUICKEST
        and (not EXCERPTS[move.move].flies or 0.85 <= manner.tempo <= 1.2)
        and not (manner.hold or manner.extra_turns or manner.arms)
        and manner.depth <= 0.05
        and abs(manner.lean) <= 0.1
    )


def take(move: str, side: str, pace: float, clips: dict[str, Path]) -> Take:
    """The recorded move for an acting side, at a pace."""
    excerpt = EXCERPTS[move]
    recording = _load(clips[excerpt.clip])
    track = recording.track if side == excerpt.side else _mirrored(recording.track)
    warp = 1.0 if excerpt.flies else float(np.clip(pace, SLOWEST, QUICKEST))
    last = min(excerpt.stop, (len(track) - 1) / recording.fps)
    count = int((last - excerpt.start) * FPS / warp) + 1
    at = (excerpt.start + np.arange(count) * warp / FPS) * recording.fps
    low = np.minimum(at.astype(int), len(track) - 2)
    share = at - low
    world = np.stack([between(track.world[low, j], track.world[low + 1, j], share) for j in range(JOINTS)], axis=1)
    root = track.root[low] + share[:, None] * (track.root[low + 1] - track.root[low])
    return Take(_grounded(_faced(Track(world, root))), excerpt, recording, warp)


def approach(taken: Take) -> Key:
    """The step from quiet stance onto the places where the feet are in the first frame."""
    balls = taken.track.positions[0, list(BALLS), :2]
    forward, left = balls[0] - balls[1]
    turns = np.degrees(_yaws(taken.track.world[0]))
    limited = np.clip(turns, -60.0, 60.0)
    return Key(0.3, left=Step(forward, left - 2.0 * HALF_WIDTH, turn=limited[0]), right=Pivot(limited[1]))


def lay(taken: Take, where: Footing, entry: tuple[np.ndarray, np.ndarray]) -> Track:
    """The take from a place on, with the feet locked where the recording has them standing.

    Args:
        taken: the take. where: the right foot's ball is where the take's is at its start.
        entry: local rotations (22, 3, 3) and pelvis (3,) that it goes on from.
    """
    turn = about("z", np.array([where.heading]))[0]
    world, root = turn @ taken.track.world, taken.track.root @ turn.T
    shift = where.balls[1] - place(world[:1], root[:1])[0, BALLS[1], :2]
    root = root + np.array([*shift, 0.0])
    goal = place(world, root)[:, list(BALLS)]
    fade = decay(len(world))
    local = local_rotations(world)
    offset = local[0].swapaxes(-1, -2) @ entry[0]
    for joint in range(JOINTS):
        local[:, joint] = between(local[:, joint], local[:, joint] @ offset[joint], fade)
    world = world_rotations(local)
    root = root + fade[:, None] * (entry[1] - root[0])
    return _locked(world, root, goal)


@functools.lru_cache(maxsize=32)
def _load(path: Path) -> Recording:
    raw = deepmimic.read(path, HumanOptions())[0]
    quats = raw.rotations
    assert quats is not None
    from scipy.spatial.transform import Rotation

    frames, joints = quats.shape[:2]
    turned = _UP @ Rotation.from_quat(quats.reshape(-1, 4)).as_matrix().reshape(frames, joints, 3, 3) @ _UP.T
    names = {name: turned[:, number] for number, name in enumerate(raw.joint_names)}
    world = np.empty((frames, JOINTS, 3, 3))
    world[:, INDEX["pelvis"]] = names["root"]
    for number, name in enumerate(("spine1", "spine2", "spine3"), start=1):
        world[:, INDEX[name]] = between(names["root"], names["chest"], np.full(frames, number / 3.0))
    world[:, INDEX["neck"]] = between(names["chest"], names["neck"], np.full(frames, 0.5))
    world[:, INDEX["head"]] = names["neck"]
    for number, side in enumerate(SIDES):
        world[:, INDEX[f"{side}_collar"]] = names["chest"]
        leg, arm = LEGS[number], ARMS[number]
        world[:, leg.joints[0]] = names[f"{side}_hip"] @ leg.rest[0]
        world[:, leg.joints[1]] = names[f"{side}_knee"] @ leg.rest[1]
        world[:, leg.joints[2]] = world[:, BALLS[number]] = names[f"{side}_ankle"]
        world[:, arm.joints[0]] = names[f"{side}_shoulder"] @ arm.rest[0]
        world[:, arm.joints[1]] = world[:, arm.joints[2]] = names[f"{side}_elbow"] @ arm.rest[1]
    legs = raw.positions[:, [raw.joint_names.index(name) for name in ("right_hip", "right_knee", "right_ankle")]]
    scale = LEG_LENGTH / float(np.linalg.norm(np.diff(legs[0], axis=0), axis=1).sum())
    fps = float(raw.fps.values[0])
    return Recording(path, sha256_file(path), fps, Track(world, scale * raw.positions[:, 0] @ _UP.T))


def _mirrored(track: Track) -> Track:
    order = [_other(number) for number in range(JOINTS)]
    return Track(_MIRROR @ track.world[:, order] @ _MIRROR, track.root @ _MIRROR)


def _other(joint: int) -> int:
    name = next(name for name, number in INDEX.items() if number == joint)
    side, _, part = name.partition("_")
    if side not in SIDES:
        return joint
    return INDEX[f"{'right' if side == 'left' else 'left'}_{part}"]


def _faced(track: Track) -> Track:
    front = track.world[0, 0, :2, 0]
    turn = about("z", np.array([-np.arctan2(front[1], front[0])]))[0]
    return Track(turn @ track.world, track.root @ turn.T)


def _grounded(track: Track) -> Track:
    """The lowest point on the floor, but for flights; the feet at the start around the origin."""
    positions = track.positions
    low = positions[:, :, 2].min(axis=1)
    low = low - np.percentile(low, 10)
    flies = low > _AIRBORNE
    frames = np.arange(len(low))
    base = np.interp(frames, frames[~flies], positions[~flies, :, 2].min(axis=1))
    root = track.root.copy()
    root[:, 2] -= base
    root[:, :2] -= positions[0, list(BALLS), :2].mean(axis=0)
    depth = np.maximum(0.0, -place(track.world, root)[:, :, 2].min(axis=1))
    root[:, 2] += depth
    return Track(track.world, root)


def _locked(world: np.ndarray, root: np.ndarray, goal: np.ndarray) -> Track:
    """Keep feet where they stand in `goal` (T, 2, 3), and all feet above the floor."""
    for side in (0, 1):
        ball = goal[:, side]
        speed = np.linalg.norm(np.gradient(ball[:, :2], axis=0), axis=1) * FPS
        stands = (speed < _HEEL_SPEED) & (ball[:, 2] < _HEEL_HEIGHT)
        positions = place(world, root)
        now = positions[:, BALLS[side]]
        wanted = now.copy()
        weight = np.zeros(len(root))
        edges = np.flatnonzero(np.diff(np.concatenate(([0], stands.astype(int), [0]))))
        for first, last in zip(edges[::2], edges[1::2], strict=True):
            if last - first < 2:
                continue
            at = ball[first:last].mean(axis=0)
            at[2] = 0.0
            near = slice(max(0, first - 2), min(len(root), last + 2))
            wanted[near] = at
            weight[first:last] = 1.0
        # Two frames on either side bring the foot to its place and let it go.
        eased = np.maximum(weight, gaussian_filter1d(weight, 0.8))
        moved = eased[:, None] * (wanted - now)
        moved[:, 2] = np.maximum(moved[:, 2], -now[:, 2])
        foot = world[:, LEGS[side].joints[2]]
        ankle = positions[:, LEGS[side].joints[2]] + moved
        ankle[:, 2] = np.maximum(ankle[:, 2], 0.02)
        frames = np.flatnonzero(np.linalg.norm(moved, axis=1) > 1e-4)
        if not len(frames):
            continue
        part = world[frames]
        hip = root[frames] + (part[:, 0] @ OFFSETS[LEGS[side].joints[0]])
        thigh, knee, sole = reach_ground(part, hip, ankle[frames], foot[frames], side)
        write_leg(part, side, thigh, knee, sole)
        world[frames] = part
    return Track(world, root)


def _yaws(world: np.ndarray) -> np.ndarray:
    front = world[[limb.joints[2] for limb in LEGS], :2, 0]
    return np.arctan2(front[:, 1], front[:, 0])
