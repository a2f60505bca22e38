"""Human motions that tests write, in every format: one person whose numbers are known in advance."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from athena_wbc.motion.formats.human import body

FRAMES = 24


def poses(frames: int = FRAMES) -> np.ndarray:
    """(T, 66) axis-angle of a walk on the spot in SMPL's frame (y up): hips, knees and shoulders swing."""
    phase = 2.0 * np.pi * np.arange(frames) / frames
    pose = np.zeros((frames, 22, 3))
    for hip, knee, shoulder, sign in ((1, 4, 16, 1.0), (2, 5, 17, -1.0)):
        pose[:, hip, 0] = -0.35 * sign * np.sin(phase)
        pose[:, knee, 0] = 0.3 + 0.2 * sign * np.cos(phase)
        pose[:, shoulder, 2] = -sign * 1.2  # arms down
    return pose.reshape(frames, 66)


def turned_up(pose: np.ndarray) -> np.ndarray:
    """The same poses with z up, as AMASS has them."""
    root = Rotation.from_euler("x", 90, degrees=True) * Rotation.from_rotvec(pose[:, :3])
    return np.concatenate((root.as_rotvec(), pose[:, 3:]), axis=1)


def path(frames: int = FRAMES, up: str = "z") -> np.ndarray:
    """(T, 3) a walk of 1 m/s at 30 fps, forwards: along -y with z up, along z with y up."""
    along = np.arange(frames) / 30.0
    flat = np.zeros(frames)
    return np.stack((flat, -along, flat + 1.1), axis=1) if up == "z" else np.stack((flat, flat + 1.1, along), axis=1)


def joints(frames: int = FRAMES) -> np.ndarray:
    """(T, 22, 3) the walk's joints with y up, its feet on the floor."""
    positions, _ = body.pose_body(poses(frames), path(frames, "y"))
    return positions - np.array((0.0, positions[..., 1].min() - 0.02, 0.0))


def write_amass(file: Path, **more: np.ndarray) -> Path:
    np.savez(file, poses=turned_up(poses()), trans=path(), mocap_framerate=np.array(30.0), **more)
    return file


def write_pickle(file: Path, content: object) -> Path:
    file.write_bytes(pickle.dumps(content))
    return file


def write_npy(file: Path, array: np.ndarray) -> Path:
    np.save(file, array)
    return file


def encode_humanml3d(positions: np.ndarray) -> np.ndarray:
    """(T - 1, 263) features of joints (T, 22, 3), frame by frame and without the rotations (zeros)."""
    rows = []
    for frame in range(len(positions) - 1):
        heading, following = _heading(positions[frame]), _heading(positions[frame + 1])
        turn = np.arctan2(np.sin(following - heading), np.cos(following - heading))
        step = _about_y(positions[frame + 1, 0] - positions[frame, 0], -following)
        local = positions[frame] - positions[frame, 0] * np.array((1.0, 0.0, 1.0))
        joints = np.array([_about_y(joint, -heading) for joint in local[1:]])
        speed = np.array([_about_y(p, -heading) for p in positions[frame + 1] - positions[frame]])
        row = [-turn / 2.0, step[0], step[2], positions[frame, 0, 1]]
        rows.append(np.concatenate((row, joints.ravel(), np.zeros(126), speed.ravel(), np.zeros(4))))
    return np.array(rows)


def _heading(pose: np.ndarray) -> float:
    """Yaw about y of the body's front, from hips and shoulders; zero along z."""
    across = pose[1] - pose[2] + pose[16] - pose[17]
    front = np.cross(across, (0.0, 1.0, 0.0))
    return float(np.arctan2(front[0], front[2]))


def _about_y(vector: np.ndarray, angle: float) -> np.ndarray:
    c, s = np.cos(angle), np.sin(angle)
    return np.array((c * vector[0] + s * vector[2], vector[1], c * vector[2] - s * vector[0]))


_BVH_TREE = {
    "Hips": (None, (0.0, 0.0, 0.0)),
    "Spine": ("Hips", (0.0, 10.0, 0.0)),
    "Chest": ("Spine", (0.0, 25.0, 0.0)),
    "Neck": ("Chest", (0.0, 22.0, 0.0)),
    "Head": ("Neck", (0.0, 10.0, 0.0)),
    "LeftShoulder": ("Chest", (5.0, 16.0, 0.0)),
    "LeftArm": ("LeftShoulder", (12.0, 0.0, 0.0)),
    "LeftForeArm": ("LeftArm", (27.0, 0.0, 0.0)),
    "LeftHand": ("LeftForeArm", (25.0, 0.0, 0.0)),
    "RightShoulder": ("Chest", (-5.0, 16.0, 0.0)),
    "RightArm": ("RightShoulder", (-12.0, 0.0, 0.0)),
    "RightForeArm": ("RightArm", (-27.0, 0.0, 0.0)),
    "RightHand": ("RightForeArm", (-25.0, 0.0, 0.0)),
    "LeftUpLeg": ("Hips", (9.0, -8.0, 0.0)),
    "LeftLeg": ("LeftUpLeg", (0.0, -40.0, 0.0)),
    "LeftFoot": ("LeftLeg", (0.0, -41.0, 0.0)),
    "LeftToeBase": ("LeftFoot", (0.0, -6.0, 13.0)),
    "RightUpLeg": ("Hips", (-9.0, -8.0, 0.0)),
    "RightLeg": ("RightUpLeg", (0.0, -40.0, 0.0)),
    "RightFoot": ("RightLeg", (0.0, -41.0, 0.0)),
    "RightToeBase": ("RightFoot", (0.0, -6.0, 13.0)),
}
BVH_JOINTS = tuple(_BVH_TREE)


def bvh_text(
    angles: dict[str, tuple[float, float, float]] | None = None,
    rename: dict[str, str] | None = None,
    root: tuple[float, float, float] = (0.0, 97.0, 0.0),
    scale: float = 1.0,
    frames: int = 3,
    order: str = "ZXY",
    frame_time: str = "0.0333333",
    joint_positions: bool = False,
    turn: Rotation | None = None,
) -> str:
    """A person in the T pose as BVH; `angles` in degrees and in `order`, the same in all frames; `scale` from cm."""
    angles, rename = angles or {}, rename or {}
    names = {name: rename.get(name, name) for name in _BVH_TREE}
    rotation = " ".join(f"{axis}rotation" for axis in order)
    lines, values = ["HIERARCHY"], []
    turn = turn or Rotation.identity()

    def write(name: str, depth: int) -> None:
        parent, offset = _BVH_TREE[name]
        offset = np.asarray(offset) * scale
        pad = "  " * depth
        lines.extend([f"{pad}{'ROOT' if parent is None else 'JOINT'} {names[name]}", pad + "{"])
        lines.append(f"{pad}  OFFSET {offset[0]:g} {offset[1]:g} {offset[2]:g}")
        if parent is None or joint_positions:
            lines.append(f"{pad}  CHANNELS 6 Xposition Yposition Zposition {rotation}")
            values.extend(turn.apply(np.asarray(root) * scale) if parent is None else offset)
        else:
            lines.append(f"{pad}  CHANNELS 3 {rotation}")
        own = angles.get(name, (0.0, 0.0, 0.0))
        if parent is None:
            own = (turn * Rotation.from_euler(order, own, degrees=True)).as_euler(order, degrees=True)
        values.extend(own)
        children = [child for child, (above, _) in _BVH_TREE.items() if above == name]
        for child in children:
            write(child, depth + 1)
        if not children:
            lines.extend([f"{pad}  End Site", pad + "  {", f"{pad}    OFFSET 0 0 {scale:g}", pad + "  }"])
        lines.append(pad + "}")

    write("Hips", 0)
    row = " ".join(f"{value:.6f}" for value in values)
    return "\n".join([*lines, "MOTION", f"Frames: {frames}", f"Frame Time: {frame_time}", *[row] * frames]) + "\n"


def deepmimic_frames(frames: int = 10, duration: float = 1.0 / 30.0) -> np.ndarray:
    """(T, 44) the humanoid upright, knees bent by 0.3 rad, moving along x at 1 m/s."""
    rows = np.zeros((frames, 44))
    rows[:, 0] = duration
    rows[:, 1] = np.arange(frames) * duration
    rows[:, 2] = 0.85
    for column in (4, 8, 12, 16, 21, 25, 30, 35, 39):
        rows[:, column] = 1.0
    rows[:, 20] = rows[:, 34] = -0.3
    return rows


def write_deepmimic(file: Path, rows: np.ndarray | None = None) -> Path:
    rows = deepmimic_frames() if rows is None else rows
    file.write_text(json.dumps({"Loop": "none", "Frames": rows.tolist()}))
    return file


ASF = """# a person
:version 1.10
:name test
:units
  mass 1.0
  length 0.45
  angle deg
:root
   order TX TY TZ RX RY RZ
   axis XYZ
   position 0 0 0
   orientation 0 0 0
:bonedata
{bones}
:hierarchy
  begin
    root lhipjoint rhipjoint upperback
    lhipjoint lfemur
    lfemur ltibia
    ltibia lfoot
    rhipjoint rfemur
    rfemur rtibia
    rtibia rfoot
    upperback lclavicle rclavicle head
    lclavicle lhumerus
    lhumerus lradius
    rclavicle rhumerus
    rhumerus rradius
  end
"""
_ASF_BONES = {
    "hipjoint": ((1.0, -0.8, 0.0), 2.2, ""), "femur": ((0.0, -1.0, 0.0), 7.1, "rx ry rz"),
    "tibia": ((0.0, -1.0, 0.0), 7.3, "rx"), "foot": ((0.0, -0.4, 1.0), 2.5, "rx rz"),
    "clavicle": ((1.0, 0.2, 0.0), 3.4, ""), "humerus": ((1.0, 0.0, 0.0), 4.9, "rx ry rz"),
    "radius": ((1.0, 0.0, 0.0), 4.5, "rx"),
}  # fmt: skip


def write_acclaim(file: Path, frames: int = 4, axis: str = "0 0 0", knee: float = 30.0) -> Path:
    """An AMC of a person with bent knees, and the ASF beside it; `axis` is that of the tibiae."""
    bones, rows = [], ["root 0 17.5 0 0 0 0", "upperback 0 0 0"]
    bones.append("  begin\n id 1\n name upperback\n direction 0 1 0\n length 8\n axis 0 0 0 XYZ\n dof rx ry rz\n  end")
    bones.append("  begin\n id 2\n name head\n direction 0 1 0\n length 4\n axis 0 0 0 XYZ\n  end")
    for letter, sign in (("l", 1.0), ("r", -1.0)):
        for name, (direction, length, dof) in _ASF_BONES.items():
            unit = np.asarray(direction) / np.linalg.norm(direction) * (sign, 1.0, 1.0)
            own = axis if name == "tibia" else "0 0 0"
            bones.append(
                f"  begin\n id 3\n name {letter}{name}\n direction {unit[0]:.6f} {unit[1]:.6f} {unit[2]:.6f}\n"
                f" length {length}\n axis {own} XYZ\n" + (f" dof {dof}\n" if dof else "") + "  end"
            )
            if dof:
                values = [knee if name == "tibia" else 0.0] + [0.0] * (len(dof.split()) - 1)
                rows.append(f"{letter}{name} " + " ".join(f"{value:g}" for value in values))
    file.with_suffix(".asf").write_text(ASF.replace("{bones}", "\n".join(bones)))
    blocks = "\n".join(f"{number + 1}\n" + "\n".join(rows) for number in range(frames))
    file.write_text(f"#!OML:ASF\n:FULLY-SPECIFIED\n:DEGREES\n{blocks}\n")
    return file


MARKERS = {
    "LASI": (120, 100, 950), "RASI": (-120, 100, 950), "LPSI": (50, -100, 970), "RPSI": (-50, -100, 970),
    "LKNE": (150, 20, 500), "RKNE": (-150, 20, 500), "LKNM": (50, 20, 500), "RKNM": (-50, 20, 500),
    "LANK": (140, 0, 90), "RANK": (-140, 0, 90), "LTOE": (100, 150, 40), "RTOE": (-100, 150, 40),
    "LSHO": (190, 0, 1450), "RSHO": (-190, 0, 1450), "LELB": (260, 0, 1150), "RELB": (-260, 0, 1150),
    "LWRA": (290, 30, 900), "RWRA": (-290, 30, 900), "LWRB": (290, -30, 900), "RWRB": (-290, -30, 900),
    "C7": (0, -60, 1480), "CLAV": (0, 80, 1400), "STRN": (0, 110, 1280), "T10": (0, -110, 1250),
    "LFHD": (70, 80, 1680), "RFHD": (-70, 80, 1680), "LBHD": (70, -80, 1680), "RBHD": (-70, -80, 1680),
}  # fmt: skip
"""Plug-in Gait markers of a person in mm who faces y: x is then the right side, so x is turned round below."""


def write_c3d(
    file: Path, frames: int = 40, hide: dict[str, range] | None = None, rename: dict[str, str] | None = None
) -> Path:
    """A take of `MARKERS` at 100 Hz, moving along y at 1 m/s; `hide` names frames in which a marker is lost."""
    import c3d

    hide, rename = hide or {}, rename or {}
    writer = c3d.Writer(point_rate=100, analog_rate=0, point_scale=-1.0, point_units="mm  ")
    table = np.array(list(MARKERS.values()), dtype=np.float64) * (-1.0, 1.0, 1.0)
    for frame in range(frames):
        points = np.zeros((len(MARKERS), 5), dtype=np.float32)
        points[:, :3] = table + np.array((0.0, 10.0 * frame, 0.0))
        for column, name in enumerate(MARKERS):
            if frame in hide.get(name, ()):
                points[column, :3], points[column, 3] = 0.0, -1.0
        writer.add_frames([(points, np.zeros((0, 0), dtype=np.float32))])
    writer.set_point_labels([f"Ann:{rename.get(name, name)}" for name in MARKERS])
    with open(file, "wb") as stream:
        writer.write(stream)
    return file
