"""From a generator's joints to a clip of the robot: grounded, smoothed, resampled, retargeted."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import gaussian_filter1d

from athena_wbc.errors import AthenaError, suggest
from athena_wbc.motion.clip import MotionClip
from athena_wbc.motion.human import HumanMotion, unit_vectors
from athena_wbc.motion.retarget.build import Build
from athena_wbc.motion.retarget.contacts import fade
from athena_wbc.motion.retarget.quality import Bar, Quality
from athena_wbc.synthesis.filters import FilterConfig, bone_drift
from athena_wbc.synthesis.ground import find_support
from athena_wbc.synthesis.human_features import HumanFeatures, at_rate, human_features
from athena_wbc.synthesis.motion import PARENTS, PELVIS, SyntheticMotion
from athena_wbc.synthesis.prompt import Prompt
from athena_wbc.synthesis.vocabulary import FAMILY

if TYPE_CHECKING:
    from athena_wbc.motion.retarget.clip import Settings

SMOOTHING = ("learned", "always", "never")
"""Whose motions are smoothed: those of learned generators, all, none."""

COMPAT_HEIGHT = 0.92
"""Height of the pelvis in frame 0 to which the released code of CLAIMS lifts or lowers every motion, m."""

_RELEASED_FPS = 30.0
_RELEASED_SIGMA, _RELEASED_JOINT_SIGMA = 3.0, 2.0
"""Frames."""
_LABELS = {
    "jumping": "dynamic", "floor": "dynamic", "evasion": "dynamic", "legs": "dynamic", "locomotion": "locomotion",
    "turning": "locomotion",
}  # fmt: skip
_BALANCES = ("balance", "arabesque", "side_scale", "leg_lift")
_BALANCE_TIME, _JUMP_TIME, _SOMERSAULT = 1.2, 0.25, 0.6
_TRAVEL, _FAST = 0.3, 1.5


@dataclasses.dataclass(frozen=True)
class ConversionConfig:
    """How motions become clips."""

    fps: float = 30.0
    """Frame rate of prepared motions, as CLAIMS has it; cubic splines, at which bones keep their lengths."""
    robot_fps: float = 50.0
    """Frame rate of the clips; retargeting resamples by cubic splines as well."""
    smoothing: str = "learned"
    """One of :data:`SMOOTHING`. Compositions of recordings do not jitter, and smoothing would take the fall at g out
    of their flights."""
    root_sigma: float = 0.1
    """Standard deviation of the Gaussian over the path of the pelvis, which moves the whole body, s; the released code
    has 3 frames at 30 a second. See :func:`smooth`."""
    joint_sigma: float = 2.0 / 30.0
    """As above for directions and lengths of the bones, s; the released code has 2 frames for rotations of joints."""
    ground_percentile: float = 5.0
    """Percentile over the frames of the lowest point of the feet (or of the body where it is lower) that is put on the
    floor, 0 to 50."""
    claims_compat: bool = False
    """Do as the released code of CLAIMS does with motions, for comparisons: the pelvis at 0.92 m in frame 0, straight
    lines between frames, Gaussians of 3 frames over its path and of 2 over the directions of the bones. Unsound for
    motions that begin low. What is filtered, judged and retargeted is this motion; the heights of the robot's clip are
    those of any other, see docs/synthesis_filters.md."""
    bar: Bar = dataclasses.field(default_factory=Bar)
    """Below which a retargeted clip is refused."""


class RefusedClip(AthenaError):
    """A motion whose clip is below the bar."""

    def __init__(self, message: str, quality: Quality) -> None:
        super().__init__(message)
        self.quality = quality


def check_conversion(config: ConversionConfig, where: str) -> None:
    """Refuse settings that make no sense.

    Raises:
        AthenaError: a value out of range; the message begins with `where` and the key.
    """
    if config.smoothing not in SMOOTHING:
        raise AthenaError(f"{where}.smoothing: {suggest(config.smoothing, SMOOTHING)}")
    for key, low, high in (
        ("fps", 10.0, 240.0), ("robot_fps", 10.0, 240.0), ("root_sigma", 0.0, 0.5), ("joint_sigma", 0.0, 0.5),
        ("ground_percentile", 0.0, 50.0),
    ):  # fmt: skip
        value = getattr(config, key)
        if not low <= value <= high:
            raise AthenaError(f"{where}.{key}: must be from {low:g} to {high:g}, is {value:g}")


def claims_filters() -> FilterConfig:
    """The one filter of the released code of CLAIMS: the pelvis between 0.2 and 2.5 m."""
    off = float("inf")
    limits = {field.name: off for field in dataclasses.fields(FilterConfig)}
    return FilterConfig(**limits | {"duration": -off, "motion": -off, "root_low": 0.2, "root_high": 2.5})


def prepare(motion: SyntheticMotion, config: ConversionConfig) -> SyntheticMotion:
    """A motion resampled, smoothed and put on the floor; what was done stands in its provenance under "conversion"."""
    if config.claims_compat:
        return _as_released(motion)
    smooths = config.smoothing == "always" or (config.smoothing == "learned" and motion.is_learned)
    resampled = at_rate(motion, config.fps)
    prepared, floor = _grounded(resampled, config.ground_percentile)
    if smooths:
        prepared, more = _grounded(smooth(prepared, config.root_sigma, config.joint_sigma), config.ground_percentile)
        floor += more
    done = {
        "fps": config.fps,
        "root_sigma": config.root_sigma if smooths else 0.0,
        "joint_sigma": config.joint_sigma if smooths else 0.0,
        # Smoothing hides what the filter looks for.
        "bone_drift": float(bone_drift(motion.positions).max()),
        # Where the floor was found, in the generator's heights: without it nothing could be below the floor any more.
        "floor": floor,
        "lifted": float(prepared.positions[0, PELVIS, 2] - resampled.positions[0, PELVIS, 2]),
    }
    return prepared.replace(provenance={**motion.provenance, "conversion": done})


def smooth(motion: SyntheticMotion, root_sigma: float, joint_sigma: float) -> SyntheticMotion:
    """Smooth a motion over the floor at z = 0; free flights stay.

    The pelvis' way over the ground and the directions of the bones are smoothed. Its height follows from them: the
    lowest point of the body keeps its own smoothed height, so that feet stay on the floor through a dip, where a
    smoothed pelvis would lift them. In free flights, and fading within two sigma of them, heights are left alone: a
    parabola of 0.4 s that is smoothed over 0.1 s falls at half of g, and hovers.

    Args:
        root_sigma: s. joint_sigma: s.
    """
    sigma = root_sigma * motion.fps
    before = find_support(motion)
    free = np.zeros(motion.num_frames, dtype=bool)
    for start, stop, falls in before.flights():
        free[start:stop] |= falls
    positions = smooth_joints(motion.positions, joint_sigma * motion.fps)
    root = positions[:, PELVIS, :2]
    moved = np.zeros((motion.num_frames, 3))
    moved[:, :2] = _smooth(root, sigma) - root
    lowest = find_support(motion.replace(positions=positions)).lowest
    moved[:, 2] = (1.0 - fade(free, 2.0 * sigma)) * (_smooth(before.lowest, sigma) - lowest)
    return motion.replace(positions=positions + moved[:, None])


def smooth_joints(positions: np.ndarray, sigma: float) -> np.ndarray:
    """Smooth directions and lengths of the bones of (T, 22, 3) one by one, sigma in frames.

    Smoothed joints would shorten what swings; a smoothed direction has no length to lose.
    """
    out = positions.copy()
    for joint, parent in enumerate(PARENTS):
        if parent >= 0:
            bone = positions[:, joint] - positions[:, parent]
            length = _smooth(np.linalg.norm(bone, axis=1), sigma)
            out[:, joint] = out[:, parent] + length[:, None] * unit_vectors(_smooth(unit_vectors(bone), sigma))
    return out


def to_clip(
    motion: SyntheticMotion,
    prompt: Prompt,
    build: Build,
    config: ConversionConfig,
    name: str = "",
) -> tuple[MotionClip, Quality]:
    """Retarget a prepared motion to a robot.

    Args:
        motion: as :func:`prepare` returns it.
        prompt: its text becomes the clip's, its moves decide on the label.
        build: the robot's proportions.
        name: of the clip; domain and identifier of the prompt where empty.

    Raises:
        RefusedClip: a clip below the bar, with the reasons.
        AthenaError: a motion that cannot be retargeted, or the extra `[retarget]` is missing.
    """
    from athena_wbc.motion.retarget.clip import retarget

    name = name or default_name(motion, prompt)
    label = label_of(prompt, human_features(motion))
    made = retarget(_human(motion, prompt, name, label), build, _settings(config))
    reasons = made.quality.reasons(config.bar)
    if reasons:
        raise RefusedClip(f"{name}: {'; '.join(reasons)}", made.quality)
    return made.clip, made.quality


def default_name(motion: SyntheticMotion, prompt: Prompt) -> str:
    """What a clip is called: domain (or "free") and identifier of the prompt."""
    return f"{prompt.domain or 'free'}-{motion.prompt_id}"


def label_of(prompt: Prompt, features: HumanFeatures) -> str:
    """One of `motion.clip.LABELS`; what the motion shows decides first, then the prompt's first move.

    Jumps longer than a running step, inversion and somersaults are dynamic; a pose of balance among the moves, or a
    long stand on one leg, is balance. Without moves travel is locomotion, fast limbs are dynamic, and what is left is
    balance.
    """
    somersault = max(features.pitch_turned, features.roll_turned) > _SOMERSAULT
    if features.longest_flight > _JUMP_TIME or features.inverted > 0.0 or somersault:
        return "dynamic"
    moves = [move.move for move in prompt.moves]
    if features.longest_single_support > _BALANCE_TIME or any(move in _BALANCES for move in moves):
        return "balance"
    if moves and FAMILY[moves[0]] in _LABELS:
        return _LABELS[FAMILY[moves[0]]]
    if features.root_speed_mean > _TRAVEL:
        return "locomotion"
    return "dynamic" if features.joint_speed_p95 > _FAST else "balance"


def _grounded(motion: SyntheticMotion, percentile: float) -> tuple[SyntheticMotion, float]:
    """The motion with a percentile over the frames of its lowest point on the floor, and where that was, m."""
    ground = float(np.percentile(find_support(motion).lowest, percentile))
    return motion.replace(positions=motion.positions - np.array((0.0, 0.0, ground))), ground


def _as_released(motion: SyntheticMotion) -> SyntheticMotion:
    """What the released code does to a motion before it is retargeted."""
    frames = round(motion.num_frames * _RELEASED_FPS / motion.fps)
    at = np.linspace(0.0, motion.num_frames - 1.0, frames)
    low = np.minimum(at.astype(int), motion.num_frames - 2)
    share = (at - low)[:, None, None]
    positions = (1.0 - share) * motion.positions[low] + share * motion.positions[low + 1]
    root = positions[:, PELVIS]
    # The released code smooths rotations of joints in the world, of which positions have the bones' directions.
    positions = smooth_joints(positions, _RELEASED_JOINT_SIGMA)
    positions = positions + (_smooth(root, _RELEASED_SIGMA) - root)[:, None]
    lift = COMPAT_HEIGHT - float(positions[0, PELVIS, 2])
    done = {
        "claims_compat": True,
        "fps": _RELEASED_FPS,
        "root_sigma": _RELEASED_SIGMA / _RELEASED_FPS,
        "joint_sigma": _RELEASED_JOINT_SIGMA / _RELEASED_FPS,
        "lifted": lift,
    }
    return motion.replace(
        positions=positions + np.array((0.0, 0.0, lift)),
        fps=_RELEASED_FPS,
        provenance={**motion.provenance, "conversion": done},
    )


def _smooth(values: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian along the frames; the ends are continued as they are."""
    return gaussian_filter1d(values, sigma, axis=0, mode="nearest") if sigma > 0.0 else values


def _human(motion: SyntheticMotion, prompt: Prompt, name: str, label: str) -> HumanMotion:
    human = motion.human(name, prompt.text, label)
    done = motion.provenance.get("conversion", {})
    told = ", ".join(f"{key} {value:.4g}" for key, value in done.items())
    history = (f"prompt {prompt.id}, motion {motion.digest[:12]}", *((f"prepared: {told}",) if told else ()))
    return human.replace(history=history)


def _settings(config: ConversionConfig) -> Settings:
    from athena_wbc.motion.retarget.clip import Settings

    return Settings(fps=config.robot_fps)
