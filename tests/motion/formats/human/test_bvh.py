from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

pytest.importorskip("pybvh", reason="BVH needs the package pybvh: pip install -e '.[formats]' in the checkout")

from athena_wbc.errors import AthenaError
from athena_wbc.motion.formats.human import bvh, read_human
from athena_wbc.motion.formats.human.raw import HumanOptions
from tests.motion.formats.human import people

THREE_JOINTS = """HIERARCHY
ROOT A
{
  OFFSET 5 5 5
  CHANNELS 6 Zrotation Yrotation Xrotation Xposition Yposition Zposition
  JOINT B
  {
    OFFSET 0 1 0
    CHANNELS 3 Zrotation Xrotation Yrotation
    End Site
    {
      OFFSET 0 2 0
    }
  }
}
MOTION
Frames: 2
Frame Time: .0333333
0 0 0 10 20 30 0 0 0
90 0 0 10 20 30 90 90 0
"""


def test_three_joints_by_hand(tmp_path: Path) -> None:
    """Root channels replace its offset; the second frame turns about z, then about the turned z and x."""
    (tmp_path / "a.bvh").write_text(THREE_JOINTS)
    (raw,) = bvh.read(tmp_path / "a.bvh", HumanOptions())
    assert raw.joint_names == ("A", "B", "B_end")
    assert raw.parents == (-1, 0, 1)
    assert raw.fps.values == (30.0,)
    np.testing.assert_allclose(raw.positions[0], [(10, 20, 30), (10, 21, 30), (10, 23, 30)], atol=1e-12)
    # A: y -> -x, so B is at (9, 20, 30). B: another 90 about z (y -> -y in all), then 90 about x, which by now is -x:
    # its y axis is that of the world's -y turned by Rz(180) Rx(90): (0, 1, 0) -> (0, 0, 1).
    np.testing.assert_allclose(raw.positions[1], [(10, 20, 30), (9, 20, 30), (9, 20, 32)], atol=1e-12)


def test_a_whole_body(tmp_path: Path) -> None:
    (tmp_path / "a.bvh").write_text(people.bvh_text({"LeftLeg": (0.0, 30.0, 0.0)}))
    (motion,) = read_human(tmp_path / "a.bvh")
    # cm and y up become m and z up; x stays, z turns to -y; the knee turned by 30 degrees about x: backwards.
    knee = motion.landmark("left_knee")[0]
    np.testing.assert_allclose(knee[:2], (0.09, 0.0), atol=1e-9)
    ankle = motion.landmark("left_ankle")[0]
    np.testing.assert_allclose(ankle - knee, (0.0, 0.41 * 0.5, -0.41 * np.sqrt(0.75)), atol=1e-9)
    assert motion.fps == 30.0
    assert motion.landmark("right_toe")[0, 2] == pytest.approx(0.012 * 1.8, abs=0.01)


@pytest.mark.parametrize("order", ["ZXY", "XYZ", "YXZ", "ZYX", "XZY", "YZX"])
def test_any_channel_order(tmp_path: Path, order: str) -> None:
    (tmp_path / "a.bvh").write_text(people.bvh_text({"Spine": (20.0, 30.0, -40.0)}, order=order))
    (motion,) = read_human(tmp_path / "a.bvh")
    turn = Rotation.identity()
    for axis, angle in zip(order, (20.0, 30.0, -40.0), strict=True):
        turn = turn * Rotation.from_euler(axis, angle, degrees=True)
    chest = Rotation.from_euler("x", 90, degrees=True).apply(turn.apply((0.0, 0.25, 0.0)))
    spine = motion.positions[0, motion.joint_names.index("Spine")]
    np.testing.assert_allclose(motion.landmark("chest")[0] - spine, chest, atol=1e-7)


@pytest.mark.parametrize(("unit", "scale"), [("m", 0.01), ("mm", 10.0), ("in", 1 / 2.54), ("cmu", 0.45 / 2.54)])
def test_units_by_the_size_of_the_person(tmp_path: Path, unit: str, scale: float) -> None:
    (tmp_path / "a.bvh").write_text(people.bvh_text())
    (tmp_path / "b.bvh").write_text(people.bvh_text(scale=scale))
    expected, found = read_human(tmp_path / "a.bvh")[0], read_human(tmp_path / "b.bvh")[0]
    assert any(step.startswith(f"unit: {unit}, since") for step in found.history)
    np.testing.assert_allclose(found.positions, expected.positions, atol=1e-4)


def test_a_dwarf_asks_for_its_unit(tmp_path: Path) -> None:
    (tmp_path / "a.bvh").write_text(people.bvh_text(scale=0.25))
    with pytest.raises(AthenaError, match="give --units"):
        read_human(tmp_path / "a.bvh")
    (motion,) = read_human(tmp_path / "a.bvh", units="0.04")
    assert motion.landmark("head")[0, 2] == pytest.approx(1.64, abs=0.03)


@pytest.mark.filterwarnings("ignore:Gimbal lock")
def test_the_vertical_by_the_floor_or_by_asking(tmp_path: Path) -> None:
    text = people.bvh_text(turn=Rotation.from_euler("x", 90, degrees=True), frames=3)
    (tmp_path / "a.bvh").write_text(text)
    with pytest.raises(AthenaError, match="stands along z in 100% of the frames; say which it is by --up"):
        read_human(tmp_path / "a.bvh")
    (stated,) = read_human(tmp_path / "a.bvh", up="z")
    (tmp_path / "b.bvh").write_text(people.bvh_text())
    np.testing.assert_allclose(stated.positions, read_human(tmp_path / "b.bvh")[0].positions, atol=1e-6)
    # Walking forwards (-y with z up) leaves the lowest point level along z and not along y.
    lines = text.splitlines()
    rows = [f"0 {-20.0 * t:g} 97 " + lines[-1].split(maxsplit=3)[3] for t in range(6)]
    moving = "\n".join([*lines[:-5], "MOTION", "Frames: 6", "Frame Time: 0.033", *rows])
    (tmp_path / "c.bvh").write_text(moving)
    (motion,) = read_human(tmp_path / "c.bvh")
    assert any(step.startswith("vertical: z and not y") for step in motion.history)


def test_positions_on_every_joint(tmp_path: Path) -> None:
    angles = {"Spine": (10.0, 20.0, 5.0), "LeftLeg": (0.0, 30.0, 0.0)}
    (tmp_path / "a.bvh").write_text(people.bvh_text(angles))
    (tmp_path / "b.bvh").write_text(people.bvh_text(angles, joint_positions=True))
    plain, wide = read_human(tmp_path / "a.bvh")[0], read_human(tmp_path / "b.bvh")[0]
    np.testing.assert_allclose(wide.positions, plain.positions, atol=1e-9)
    np.testing.assert_allclose(wide.rotations, plain.rotations, atol=1e-9)
    # A joint that is moved by its channels takes what is below it along.
    text = people.bvh_text(joint_positions=True, frames=2)
    rows = text.splitlines()
    values = rows[-1].split()
    knee = 6 * people.BVH_JOINTS.index("LeftLeg")
    assert values[knee : knee + 3] == ["0.000000", "-40.000000", "0.000000"]
    values[knee + 1] = "-42"
    (tmp_path / "c.bvh").write_text("\n".join([*rows[:-1], " ".join(values)]) + "\n")
    (raw,) = bvh.read(tmp_path / "c.bvh", HumanOptions())
    moved = raw.positions[1] - raw.positions[0]
    below = [raw.joint_names.index(name) for name in ("LeftLeg", "LeftFoot", "LeftToeBase", "LeftToeBase_end")]
    expected = np.zeros_like(moved)
    expected[below, 1] = -2.0
    np.testing.assert_allclose(moved, expected, atol=1e-9)


def test_windows_lines_and_bom(tmp_path: Path) -> None:
    (tmp_path / "a.bvh").write_bytes(b"\xef\xbb\xbf" + people.bvh_text().replace("\n", "  \r\n").encode())
    assert read_human(tmp_path / "a.bvh")[0].num_frames == 3


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("Frames: 3", "Frames: 7", "declares 7 frames"),
        ("MOTION", "", "no MOTION"),
        ("OFFSET 9 -8 0", "OFFSET 9 -8", "OFFSET must have 3"),
        ("Frame Time: 0.0333333", "Frame Time: 0", "not a readable BVH"),
    ],
)
def test_damage_is_told(tmp_path: Path, old: str, new: str, message: str) -> None:
    (tmp_path / "a.bvh").write_text(people.bvh_text().replace(old, new))
    with pytest.raises(AthenaError, match=message) as caught:
        read_human(tmp_path / "a.bvh")
    assert str(tmp_path / "a.bvh") in str(caught.value)
    assert "motion.bvh" not in str(caught.value)


def test_a_missing_package_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "pybvh", None)
    (tmp_path / "a.bvh").write_text(people.bvh_text())
    with pytest.raises(AthenaError, match=r"\.\[formats\]"):
        read_human(tmp_path / "a.bvh")
