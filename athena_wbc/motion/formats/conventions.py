"""From what a file holds to a clip: decide the open conventions, and refuse what contradicts the motion itself.

What the user states comes first, then the file, then the format's documented default; what remains open is decided by
evidence (`motion.evidence`), and an error asks where the evidence does not decide. A stated convention is held
against the same evidence: nonsense is refused with the remedy, and `accept` lets it through.
"""

from __future__ import annotations

import numpy as np
import torch

from athena_wbc.errors import AthenaError, suggest
from athena_wbc.kinematics import Kinematics
from athena_wbc.motion import evidence
from athena_wbc.motion.clip import MotionClip
from athena_wbc.motion.evidence import BodyTrace, Posture
from athena_wbc.motion.formats.raw import QUATERNION_ORDERS, RawMotion, ReadOptions, check_structure

ORDER_MARGIN = 0.03
"""A joint order is excluded when it breaks limits in this many more frames than the other. On the real clips the right
order breaks none and the wrong one at least 9 % (MJCF read as Isaac at least 73 %)."""

BODY_TOLERANCE = 0.02
"""Agreement in m of body positions in a file with forward kinematics that tells a joint order."""

EVIDENCE_FRAMES = 20000
"""Orientation is judged on this many frames from the start; more cost time and tell nothing new."""


def resolve(raw: RawMotion, options: ReadOptions) -> MotionClip:
    """The motion as a clip of the robot.

    Raises:
        AthenaError: what `check_structure` refuses; a joint that the robot lacks or that the file lacks; a convention
            that nothing decides; an order of joints or quaternions or an fps that the motion contradicts.
    """
    check_structure(raw)
    joint_pos, joint_words = _resolve_joints(raw, options)
    quat, trace, quat_words = _resolve_quaternion(raw, options, joint_pos)
    fps, fps_words = _resolve_fps(raw, options, trace)
    accepted = tuple(f"accepted: {key}" for key in sorted(options.accept))
    return MotionClip(
        name=raw.name,
        fps=fps,
        root_pos=raw.root_pos,
        root_quat=quat,
        joint_pos=joint_pos,
        joint_names=options.robot.joint_names,
        robot=options.robot.name,
        robot_hash=options.robot.hash,
        source=raw.source,
        licence=raw.licence,
        label=raw.label,
        text=raw.text,
        history=(*raw.history, *joint_words, *quat_words, *fps_words, *accepted),
    )


def _resolve_joints(raw: RawMotion, options: ReadOptions) -> tuple[np.ndarray, tuple[str, ...]]:
    """Joint positions (T, J) in the robot's order."""
    robot = options.robot
    readings = [_by_name(raw, names, options) for names in raw.joints.values]
    broken = [_broken_share(robot, joint_pos, evidence.LIMIT_TOLERANCE) for joint_pos in readings]
    words: tuple[str, ...] = ()
    chosen = 0
    if raw.joints.is_open:
        chosen, reason = _choose_order(raw, options, readings, broken)
        words = (f"joint order by evidence: {reason}",)
    joint_pos = readings[chosen]
    if "joint_limits" in options.accept:
        return joint_pos, words
    badly = _broken_share(robot, joint_pos, evidence.WRONG_ORDER_EXCESS)
    if badly > evidence.MOST_FRAMES:
        joint, excess = _worst_joint(robot, joint_pos)
        raise AthenaError(
            f"{raw.where}: joint_pos: breaks joint limits in {badly:.0%} of the frames ({joint} by {excess:.2f} rad); "
            "the joint order or the unit must be wrong: correct it, or --accept joint_limits"
        )
    breadth_first = evidence.breadth_first_joints(robot)
    if not raw.joints.is_open and raw.joints.values[0] == robot.joint_names and broken[chosen] > ORDER_MARGIN:
        other = _broken_share(robot, _by_name(raw, breadth_first, options), evidence.LIMIT_TOLERANCE)
        if other <= 0.1 * broken[chosen]:
            raise AthenaError(
                f"{raw.where}: joint_pos: breaks joint limits in {broken[chosen]:.0%} of the frames, and in "
                f"{other:.0%} when read in Isaac's breadth-first order; reorder the joints, or --accept joint_limits"
            )
    return joint_pos, words


def _by_name(raw: RawMotion, names: tuple[str, ...], options: ReadOptions) -> np.ndarray:
    robot = options.robot
    if raw.joint_pos.shape[1] != len(names):
        raise AthenaError(
            f"{raw.where}: joint_pos: has {raw.joint_pos.shape[1]} joints and {len(names)} names; correct the file"
        )
    unknown = [name for name in names if name not in robot.joint_names]
    if unknown:
        more = f", and {len(unknown) - 1} more: {', '.join(unknown[1:6])}" if len(unknown) > 1 else ""
        raise AthenaError(
            f"{raw.where}: joint_names: robot '{robot.name}' lacks {suggest(unknown[0], robot.joint_names)}{more}; "
            "name the robot that it was made for with --robot"
        )
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise AthenaError(f"{raw.where}: joint_names: names {', '.join(repeated)} twice; correct the file")
    missing = [name for name in robot.joint_names if name not in names]
    if missing and not raw.fill_missing:
        raise AthenaError(
            f"{raw.where}: joint_names: lacks {', '.join(missing)} of robot '{robot.name}'; "
            "name the robot that it was made for with --robot"
        )
    joint_pos = np.tile(robot.default_joint_pos, (len(raw.joint_pos), 1))
    joint_pos[:, robot.joint_index(names)] = raw.joint_pos
    return joint_pos


def _broken_share(robot, joint_pos: np.ndarray, tolerance: float) -> float:
    return float((evidence.limit_excess(robot, joint_pos).max(axis=1) > tolerance).mean())


def _worst_joint(robot, joint_pos: np.ndarray) -> tuple[str, float]:
    excess = evidence.limit_excess(robot, joint_pos).max(axis=0)
    return robot.joint_names[int(excess.argmax())], float(excess.max())


def _choose_order(
    raw: RawMotion, options: ReadOptions, readings: list[np.ndarray], broken: list[float]
) -> tuple[int, str]:
    """Index of the right joint order, and why."""
    labels = [_order_label(options, names) for names in raw.joints.values]
    best = int(np.argmin(broken))
    runner_up = min(share for i, share in enumerate(broken) if i != best)
    if runner_up - broken[best] > ORDER_MARGIN:
        shares = ", ".join(f"{share:.0%} in {label}" for share, label in zip(broken, labels, strict=True))
        return best, f"{labels[best]}, since joint limits are broken in {shares}"
    if raw.body_pos is not None and raw.body_pos.shape[1] == len(options.robot.body_names):
        errors = [
            _body_error(raw, options, joint_pos, breadth_first=label == "isaac")
            for joint_pos, label in zip(readings, labels, strict=True)
        ]
        best = int(np.argmin(errors))
        if errors[best] < BODY_TOLERANCE and sorted(errors)[1] > 2.0 * BODY_TOLERANCE:
            return best, f"{labels[best]}, since its bodies agree with the file to {errors[best] * 1000:.1f} mm"
    raise AthenaError(
        f"{raw.where}: joint_pos: its joint order is not in the file and both fit the joint limits; "
        f"give --joint-order ({' or '.join(labels)})"
    )


def _order_label(options: ReadOptions, names: tuple[str, ...]) -> str:
    return "mjcf" if names == options.robot.joint_names else "isaac"


def _body_error(raw: RawMotion, options: ReadOptions, joint_pos: np.ndarray, breadth_first: bool) -> float:
    """Median distance in m between the file's bodies and forward kinematics, with both in the frame of the root."""
    robot = options.robot
    frames = np.linspace(0, len(joint_pos) - 1, min(len(joint_pos), 50)).astype(int)
    identity = torch.tensor((0.0, 0.0, 0.0, 1.0), dtype=torch.float64).expand(len(frames), 4)
    pos, _ = Kinematics(robot, dtype=torch.float64).forward(
        torch.zeros(len(frames), 3, dtype=torch.float64), identity, torch.from_numpy(joint_pos[frames])
    )
    bodies = evidence.breadth_first_bodies(robot) if breadth_first else list(range(len(robot.body_names)))
    # Distances from the root do not depend on its orientation, whose order may itself be in question.
    ours = np.linalg.norm(pos.numpy()[:, bodies], axis=2)
    theirs = np.linalg.norm(raw.body_pos[frames] - raw.body_pos[frames, :1], axis=2)
    return float(np.abs(ours - theirs).mean(axis=0).max())


def _resolve_quaternion(
    raw: RawMotion, options: ReadOptions, joint_pos: np.ndarray
) -> tuple[np.ndarray, BodyTrace, tuple[str, ...]]:
    """Root orientation (T, 4) scalar last, and what the bodies do with it."""
    nominal = raw.fps.values[0]
    limit = slice(0, EVIDENCE_FRAMES)
    postures: dict[str, Posture] = {}
    traces: dict[str, BodyTrace] = {}
    unit = raw.root_quat / np.linalg.norm(raw.root_quat, axis=1, keepdims=True)
    for order in QUATERNION_ORDERS:
        traces[order] = evidence.trace_bodies(
            options.robot, raw.root_pos[limit], scalar_last(unit[limit], order), joint_pos[limit], nominal
        )
        postures[order] = evidence.posture(traces[order])
    order, words = raw.quaternion.values[0], ()
    other = _other(order)
    score = evidence.compare_readings(postures[order], postures[other])
    if raw.quaternion.is_open:
        if abs(score) < evidence.DECISIVE:
            raise AthenaError(
                f"{raw.where}: root_quat: the file does not say the order of its quaternions and the motion fits both; "
                "give --quaternion (xyzw or wxyz)"
            )
        if score < 0.0:
            order, other = other, order
        words = (
            f"quaternions {order} by evidence: {evidence.describe_posture(postures[order])}; "
            f"as {other} {evidence.describe_posture(postures[other])}",
        )
    elif score < -evidence.DECISIVE and "orientation" not in options.accept:
        raise AthenaError(
            f"{raw.where}: root_quat: read as {order} ({raw.quaternion.origin}) "
            f"{evidence.describe_posture(postures[order])}; as {other} {evidence.describe_posture(postures[other])}: "
            f"give --quaternion {other}, or --accept orientation"
        )
    else:
        words = (f"quaternions {order}: {raw.quaternion.origin}",)
    quat = scalar_last(unit, order)
    trace = traces[order]
    if len(unit) > EVIDENCE_FRAMES:
        trace = evidence.trace_bodies(options.robot, raw.root_pos, quat, joint_pos, nominal)
    return quat, trace, words


def _other(order: str) -> str:
    return QUATERNION_ORDERS[1 - QUATERNION_ORDERS.index(order)]


def scalar_last(quat: np.ndarray, order: str) -> np.ndarray:
    """Quaternions (T, 4) of a file, in this library's order."""
    return quat if order == "xyzw" else np.roll(quat, -1, axis=1)


def _resolve_fps(raw: RawMotion, options: ReadOptions, trace: BodyTrace) -> tuple[float, tuple[str, ...]]:
    candidates = raw.fps.values
    falls = {}
    for fps in candidates:
        fall = evidence.measure_fall(evidence.find_flights(trace.at(fps)))
        if fall is not None:
            falls[fps] = fall
    if raw.fps.is_open:
        fitting = [fps for fps in candidates if fps in falls and abs(falls[fps].error) <= evidence.MOST_GRAVITY_ERROR]
        if len(fitting) != 1:
            reason = "no candidate falls at g" if falls else "it has no flight that would tell"
            raise AthenaError(
                f"{raw.where}: fps: the file does not say its frame rate and {reason}; "
                f"give --fps ({_known_rates(candidates)})"
            )
        fps = fitting[0]
        return fps, (
            f"{fps:g} fps by evidence: {falls[fps].flights} flight(s) fall at {falls[fps].acceleration:.1f} m/s^2",
        )
    fps = candidates[0]
    fall = falls.get(fps)
    if fall is not None and fall.is_wrong and "gravity" not in options.accept:
        weight = "heavier" if fall.error > 0.0 else "lighter"
        raise AthenaError(
            f"{raw.where}: fps: at {fps:g} fps ({raw.fps.origin}) its {fall.flights} flight(s) fall at "
            f"{fall.acceleration:.1f} m/s^2, {abs(fall.error):.0%} {weight} than g; give --fps (about "
            f"{fall.fitting_fps(fps):.0f} would fit), or --accept gravity"
        )
    return fps, (f"{fps:g} fps: {raw.fps.origin}",)


def _known_rates(candidates: tuple[float, ...]) -> str:
    return " or ".join(f"{fps:g}" for fps in candidates)
