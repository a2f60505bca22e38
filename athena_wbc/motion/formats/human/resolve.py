"""From what a file holds to a human motion: landmarks, unit, vertical, sides, frame rate and floor, each with a reason.

What the user or the file states is taken, and checked where it could be nonsense. What neither states is decided by
:mod:`evidence`; where the evidence does not decide, an error asks and names the option.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from scipy.spatial.transform import Rotation

from athena_wbc.errors import AthenaError, suggest
from athena_wbc.motion.formats.human import evidence
from athena_wbc.motion.formats.human.landmarks import find_landmarks
from athena_wbc.motion.formats.human.raw import UP_AXES, HumanOptions, RawHuman, unit_in_metres
from athena_wbc.motion.formats.raw import LARGEST_VALUE, Choice
from athena_wbc.motion.human import LANDMARKS, REQUIRED, HumanMotion

LEAST_STATURE, MOST_STATURE = 0.5, 3.0
"""Stature in m beyond which a stated unit is nonsense: children and caricatures pass, a factor of 2.5 does not."""

DECISIVE_UPRIGHT = 0.6
"""Share of upright frames that speaks for an axis, against at most a third of it for the one that is stated. Get-ups
and floor work reach 0.3 along their true vertical."""

FLOOR_MARGIN = 0.02
"""Difference of `evidence.floor_spread` below which two axes keep the lowest point equally still."""

CLEAR_FLOOR_MARGIN = 0.1
"""Difference of `evidence.floor_spread` above which an axis along which the body stretches is none that it stands on:
someone who crawls."""

SIDE_MARGIN = 0.3
"""Mean cosine of `evidence.toes_forward` below which nothing is said about sides. Real files reach 0.58 and more."""

FITTING_FPS = 0.15
"""Share by which the fall's frame rate may miss a usual one."""

FITTING_FALL = 0.25
"""Share by which a fall may differ from g and still tell the unit; the units differ by 2.2 and more."""

_VERTICAL = {
    "z": Rotation.identity(),
    "y": Rotation.from_euler("x", 90, degrees=True),
    "x": Rotation.from_euler("y", -90, degrees=True),
    "-z": Rotation.from_euler("x", 180, degrees=True),
    "-y": Rotation.from_euler("x", -90, degrees=True),
    "-x": Rotation.from_euler("y", 90, degrees=True),
}
"""Rotation of a file's frame that brings its vertical to z."""


def resolve(raw: RawHuman, options: HumanOptions) -> HumanMotion:
    """Decide what a file leaves open and return its motion in m, z up.

    Raises:
        AthenaError: a convention that neither the file, nor the user, nor the motion decides; numbers that are no
            motion of a person.
    """
    _check_numbers(raw)
    history = list(raw.history)
    positions = raw.positions.astype(np.float64)
    rotations = None if raw.rotations is None else raw.rotations.astype(np.float64)
    if options.handed == "left":
        positions, rotations = _mirrored(positions, rotations)
        history.append("left-handed axes by option --handed: x turned round")
    landmarks, found = _landmarks(raw, options)
    history.append(found)
    index = {landmark: raw.joint_names.index(joint) for landmark, joint in landmarks.items()}
    # Shares of stature decide the vertical, so it is found in the file's own unit.
    axis, vertical = _vertical(raw, options, positions, index, evidence.stature(_points(positions, index)))
    turn = _VERTICAL[axis]
    positions = positions @ turn.as_matrix().round().T
    if rotations is not None:
        frames, joints = rotations.shape[:2]
        rotations = (turn * Rotation.from_quat(rotations.reshape(-1, 4))).as_quat().reshape(frames, joints, 4)
    metres, reason = _unit(raw, options, positions, index)
    positions = positions * metres
    history += [reason, vertical]
    points = _points(positions, index)
    height = evidence.stature(points)
    history.append(_sides(raw, points))
    fps, reason = _frame_rate(raw, options, positions, points, height)
    history.append(reason)
    low = evidence.lowest(positions, points, np.array((0.0, 0.0, 1.0)), height)
    floor = float(np.percentile(low, 5.0))
    if raw.ground if options.ground is None else options.ground:
        positions = positions - np.array((0.0, 0.0, floor))
        history.append(f"lowest points at {floor:.3f} m: shifted to z = 0")
    else:
        history.append(f"lowest points at {floor:.3f} m: left there")
    return HumanMotion(
        name=raw.name,
        fps=fps,
        positions=positions,
        joint_names=raw.joint_names,
        parents=raw.parents,
        landmarks=landmarks,
        rotations=rotations,
        source=raw.source,
        licence=raw.licence,
        label=raw.label,
        text=raw.text,
        history=tuple(history),
    )


def _check_numbers(raw: RawHuman) -> None:
    if len(raw.positions) < 2:
        raise AthenaError(f"{raw.where}: has {len(raw.positions)} frame(s); a motion needs at least two")
    bad = np.argwhere(~(np.abs(raw.positions) < LARGEST_VALUE))
    if len(bad):
        frame, joint, axis = bad[0]
        raise AthenaError(
            f"{raw.where}: {raw.joint_names[joint]}: its position is {raw.positions[frame, joint, axis]:g} at frame "
            f"{frame}; repair or trim the motion"
        )
    if raw.rotations is not None and not np.isfinite(raw.rotations).all():
        raise AthenaError(f"{raw.where}: an orientation is not finite; repair or trim the motion")


def _mirrored(positions: np.ndarray, rotations: np.ndarray | None) -> tuple[np.ndarray, np.ndarray | None]:
    """Positions and orientations with x turned round: the way from left-handed axes to right-handed ones."""
    positions = positions * np.array((-1.0, 1.0, 1.0))
    return positions, None if rotations is None else rotations * np.array((1.0, -1.0, -1.0, 1.0))


def _landmarks(raw: RawHuman, options: HumanOptions) -> tuple[dict[str, str], str]:
    stated = {} if raw.named else dict(options.landmarks or {})
    for landmark, joint in stated.items():
        if landmark not in LANDMARKS:
            raise AthenaError(f"--landmarks: landmark {suggest(landmark, LANDMARKS)}")
        if joint not in raw.joint_names:
            raise AthenaError(f"{raw.where}: --landmarks: {landmark}: joint {suggest(joint, raw.joint_names)}")
    if raw.landmarks is not None:
        found, reason = dict(raw.landmarks), "as the format has them"
    else:
        try:
            found, reason = find_landmarks(raw.where, raw.joint_names, raw.parents, raw.positions)
        except AthenaError:
            if not stated:
                raise
            found, reason = {}, "none by themselves"
    if stated:
        reason += f"; by option --landmarks: {', '.join(stated)}"
    return found | stated, f"landmarks: {reason}"


def _points(positions: np.ndarray, index: Mapping[str, int]) -> dict[str, np.ndarray]:
    missing = [name for name in REQUIRED if name not in index]
    if missing:
        raise AthenaError(f"no joint is {', '.join(missing)}; name them by --landmarks")
    return {landmark: positions[:, joint] for landmark, joint in index.items()}


def _unit(raw: RawHuman, options: HumanOptions, positions: np.ndarray, index: Mapping[str, int]) -> tuple[float, str]:
    """Metres of the file's unit; `positions` are z up by now."""
    points = _points(positions, index)
    stature = evidence.stature(points)
    if options.units is not None:
        metres = unit_in_metres(options.units)
        return metres, f"unit: {options.units} (option --units), which makes the person {stature * metres:.2f} m tall"
    if not raw.units.is_open:
        unit = raw.units.values[0]
        tall = stature * unit_in_metres(unit)
        if not LEAST_STATURE < tall < MOST_STATURE:
            raise AthenaError(
                f"{raw.where}: its unit is {unit} ({raw.units.origin}), in which the person is {tall:.3g} m tall; "
                "say which it is by --units"
            )
        return unit_in_metres(unit), f"unit: {unit} ({raw.units.origin}); the person is {tall:.2f} m tall"
    tall = {unit: stature * unit_in_metres(unit) for unit in raw.units.values}
    fitting = [unit for unit in tall if evidence.SHORTEST < tall[unit] < evidence.TALLEST]
    why = "and no person in others"
    if not fitting and (options.fps or not raw.fps.is_open):
        # A child or a caricature: what it falls at tells the unit.
        fps = options.fps or raw.fps.values[0]
        why = "and falls at g"
        for unit in (unit for unit in tall if LEAST_STATURE < tall[unit] < MOST_STATURE):
            scaled = {landmark: track * unit_in_metres(unit) for landmark, track in points.items()}
            fall = evidence.fall_of(positions * unit_in_metres(unit), scaled, fps, tall[unit])
            if fall is not None and abs(fall.error) < FITTING_FALL:
                fitting.append(unit)
    if len(fitting) != 1:
        raise AthenaError(
            f"{raw.where}: legs and trunk belong to a stature of {stature:.3g} units, which is no adult's in "
            f"{', '.join(raw.units.values)}; give --units (one of them, or a number of metres)"
        )
    return unit_in_metres(
        fitting[0]
    ), f"unit: {fitting[0]}, since the person is {tall[fitting[0]]:.2f} m tall in it {why}"


def _axis(name: str) -> np.ndarray:
    axis = np.zeros(3)
    axis["xyz".index(name[-1])] = -1.0 if name[0] == "-" else 1.0
    return axis


def _vertical(
    raw: RawHuman, options: HumanOptions, positions: np.ndarray, index: Mapping[str, int], height: float
) -> tuple[str, str]:
    if options.up is not None:
        return options.up, f"vertical: {options.up} (option --up)"
    points = _points(positions, index)
    upright = {axis: evidence.upright_share(points, _axis(axis)) for axis in UP_AXES}
    best = max(upright, key=upright.__getitem__)
    if raw.up.is_open:
        if upright[best] < DECISIVE_UPRIGHT:
            shares = ", ".join(f"{axis} {upright[axis]:.0%}" for axis in raw.up.values)
            raise AthenaError(
                f"{raw.where}: the vertical cannot be told: the body stands along {shares} of the frames; give --up"
            )
        spread = {axis: evidence.floor_spread(positions, points, _axis(axis), height) for axis in ("x", "y", "z", best)}
        level = min(spread, key=spread.__getitem__)
        if level != best[-1] and spread[best] > spread[level] + CLEAR_FLOOR_MARGIN:
            raise AthenaError(
                f"{raw.where}: the vertical cannot be told: the body stretches along {best} in {upright[best]:.0%} of "
                f"the frames, but its lowest point stays level along {level}; give --up"
            )
        return best, f"vertical: {best}, along which the body stands in {upright[best]:.0%} of the frames"
    stated = raw.up.values[0]
    said = f"vertical: {stated} ({raw.up.origin}; the body stands along it in {upright[stated]:.0%} of the frames)"
    if best == stated or upright[best] < DECISIVE_UPRIGHT or upright[stated] > upright[best] / 3.0:
        return stated, said
    # The body lies or hangs by what is stated, and stands by another axis: the floor tells which is true.
    spread = {axis: evidence.floor_spread(positions, points, _axis(axis), height) for axis in (stated, best)}
    if spread[stated] < spread[best] - FLOOR_MARGIN:
        return stated, said
    if spread[best] < spread[stated] - FLOOR_MARGIN:
        return best, (
            f"vertical: {best} and not {stated} ({raw.up.origin}), since the body stands along it in "
            f"{upright[best]:.0%} of the frames and its lowest point stays level"
        )
    if raw.rest is not None and evidence.upright_share(_points(raw.rest[None], index), _axis(best)) > 0.0:
        return best, (
            f"vertical: {best} and not {stated} ({raw.up.origin}), since the body stands along it in "
            f"{upright[best]:.0%} of the frames and in the rest pose"
        )
    raise AthenaError(
        f"{raw.where}: {stated} is up ({raw.up.origin}), but the body stands along {best} in {upright[best]:.0%} of "
        "the frames; say which it is by --up"
    )


def _sides(raw: RawHuman, points: Mapping[str, np.ndarray]) -> str:
    cosine = evidence.toes_forward(points)
    if cosine < -SIDE_MARGIN:
        raise AthenaError(
            f"{raw.where}: the toes point backwards (mean cosine {cosine:.2f}): left and right are swapped, which "
            "--landmarks puts right, or the axes are left-handed: give --handed left"
        )
    if cosine > SIDE_MARGIN:
        return f"sides: left is left, since the toes point forwards (mean cosine {cosine:.2f})"
    return f"sides: as named; toes and knees do not tell (mean cosine {cosine:.2f})"


def _frame_rate(
    raw: RawHuman, options: HumanOptions, positions: np.ndarray, points: Mapping[str, np.ndarray], height: float
) -> tuple[float, str]:
    stated = raw.fps if options.fps is None else Choice.of(options.fps, "option --fps")
    fps = max(stated.values)  # of open ones the highest: at a rate that is too low a fall is too slow to be seen
    fall = evidence.fall_of(positions, points, fps, height)
    if not stated.is_open:
        said = f"{fps:g} fps ({stated.origin})"
        if fall is None:
            return fps, f"{said}; no flight to check it by"
        said += f"; {fall.flights} flight(s) fall at {fall.acceleration:.1f} m/s^2"
        return fps, said + (f", which {fall.fitting_fps(fps):.0f} fps would fit" if fall.is_wrong else "")
    if fall is not None:
        fits = fall.fitting_fps(fps)
        nearest = min(stated.values, key=lambda rate: abs(math.log(rate / fits)))
        if abs(math.log(nearest / fits)) < FITTING_FPS:
            return nearest, f"{nearest:g} fps, at which {fall.flights} flight(s) fall at g (they fit {fits:.1f} fps)"
    raise AthenaError(
        f"{raw.where}: states no frame rate, and "
        + ("no flight tells it" if fall is None else f"its flights fit {fits:.1f} fps, which is no usual one")
        + "; give --fps"
    )
