"""URDFs: the same robot comes out as went in, and what cannot be read is refused in one line."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest

from athena_wbc.embodiment import Embodiment, get_embodiment, load_embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.robots.build import build_robot
from athena_wbc.robots.source import read_source
from athena_wbc.robots.urdf import resolve
from athena_wbc.robots.write import write_robot
from tests.robots.urdf_of import urdf_of


@pytest.fixture(scope="module")
def original() -> Embodiment:
    return get_embodiment("athena80")


@pytest.fixture(scope="module")
def text(original: Embodiment) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # SciPy's, at the gimbal lock of lying capsules
        return urdf_of(original)


def written(folder: Path, text: str) -> Path:
    path = folder / "robot.urdf"
    path.write_text(text)
    return path


@pytest.fixture(scope="module")
def read_back(text: str, tmp_path_factory: pytest.TempPathFactory) -> Embodiment:
    folder = tmp_path_factory.mktemp("urdf")
    source = read_source(written(folder, text))
    return load_embodiment(write_robot(source, build_robot(source, "copy"), folder / "out"))


def test_tree_masses_and_limits_are_the_same(original: Embodiment, read_back: Embodiment) -> None:
    assert read_back.joint_names == original.joint_names
    assert read_back.body_names == original.body_names
    assert read_back.body_parents == original.body_parents
    for field in ("body_offset_pos", "body_mass", "body_com", "joint_axis", "joint_lower", "joint_upper"):
        np.testing.assert_allclose(getattr(read_back, field), getattr(original, field), atol=1e-6, err_msg=field)
    np.testing.assert_allclose(read_back.effort_limit, original.effort_limit)
    np.testing.assert_allclose(read_back.velocity_limit, original.velocity_limit)


def test_roles_are_found_as_in_the_file_written_by_hand(original: Embodiment, read_back: Embodiment) -> None:
    assert read_back.key_bodies == original.key_bodies
    assert read_back.feet == original.feet
    assert set(read_back.end_effectors) == set(original.end_effectors)
    assert read_back.anchor == original.anchor


def test_built_in_motions_move_the_arms_whatever_their_joints_are_called(text: str, tmp_path: Path) -> None:
    from athena_wbc.motion.builtin import builtin_clips

    for old, new in (("shoulder", "arm"), ("elbow", "cubit")):
        text = text.replace(old, new)
    built = build_robot(read_source(written(tmp_path, text)), "renamed")
    robot = load_embodiment(write_robot(read_source(tmp_path / "robot.urdf"), built, tmp_path / "made"))
    (wave,) = builtin_clips(robot, ["wave"])
    moved = dict(zip(wave.joint_names, np.ptp(wave.joint_pos, axis=0), strict=True))
    assert max(value for name, value in moved.items() if "arm" in name) > 1.0, moved


def test_a_world_link_above_the_root_makes_no_difference(text: str, tmp_path: Path) -> None:
    fixed = '<joint name="weld" type="fixed"><parent link="world"/><child link="pelvis"/></joint>'
    source = read_source(written(tmp_path, text.replace("</robot>", f'<link name="world"/>{fixed}</robot>')))
    assert source.compile().body(1).name == "pelvis"


KNEE = '<joint name="left_knee_joint" type="revolute">'


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("</robot>", "", "not readable as XML"),
        ("<robot ", "<rover ", "not readable as XML"),
        (KNEE, KNEE + '<mimic joint="right_knee_joint"/>', "joint 'left_knee_joint': <mimic> is not supported"),
        (KNEE, KNEE.replace("revolute", "continuous"), "joint 'left_knee_joint': is continuous"),
        (KNEE, KNEE.replace("revolute", "prismatic"), "joint 'left_knee_joint': type 'prismatic' is not supported"),
        (KNEE, KNEE.replace("revolute", "planar"), "joint 'left_knee_joint': type 'planar' is not supported"),
        ('<limit lower="0" upper="2.5"', '<limt lower="0" upper="2.5"', "_knee_joint': has no limits; add <limit"),
        ('lower="0" upper="2.5"', 'lower="0" upper="two"', "_knee_joint': has no limits; add <limit"),
        ("</robot>", '<link name="box"/></robot>', "needs exactly one root link, has pelvis, box"),
        ('child link="left_hand"', 'child link="left_hnd"', "needs exactly one root link"),
        ("<robot ", '<robot xmlns:xacro="http://ros.org/xacro"><xacro:macro/><r ', "not readable as XML"),
        ("</robot>", '<xacro:if xmlns:xacro="http://ros.org/xacro"/></robot>', "holds xacro macros; expand them first"),
        ('radius="0.068"', 'radius="-1"', "MuJoCo cannot compile it"),
    ],
)
def test_refusals(text: str, tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in text
    path = written(tmp_path, text.replace(old, new))
    with pytest.raises(AthenaError) as caught:
        read_source(path).compile()
    assert str(caught.value).startswith(str(path))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def with_mesh(text: str, name: str) -> str:
    collision = text.index("<collision>", text.index('name="left_ankle_roll_link"'))
    shape = text.index("<geometry>", collision), text.index("</geometry>", collision)
    return text[: shape[0]] + f'<geometry><mesh filename="{name}"/>' + text[shape[1] :]


@pytest.mark.parametrize(
    ("mesh", "message"),
    [
        ("package://acme/foot.stl", "mesh 'package://acme/foot.stl' is missing; put it there, set ROS_PACKAGE_PATH"),
        ("../foot.stl", "link 'left_ankle_roll_link': mesh '../foot.stl' is missing"),
        ("foot.dae", "MuJoCo reads no .dae mesh ('foot.dae'); convert it to .stl or .obj, or leave the meshes out"),
    ],
)
def test_meshes_that_cannot_be_read(text: str, tmp_path: Path, mesh: str, message: str) -> None:
    (tmp_path / "foot.dae").write_text("<COLLADA/>")
    path = written(tmp_path, with_mesh(text, mesh))
    with pytest.raises(AthenaError, match="--ignore-meshes") as caught:
        read_source(path)
    assert message in str(caught.value)
    # Three spheres of the sole are left to the foot.
    assert read_source(path, ignore_meshes=True).compile().nmesh == 0


def test_where_a_mesh_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mesh = tmp_path / "acme" / "meshes" / "foot.stl"
    mesh.parent.mkdir(parents=True)
    mesh.touch()
    urdf = tmp_path / "acme" / "urdf" / "robot.urdf"
    assert resolve(urdf, "package://acme/meshes/foot.stl") == mesh
    assert resolve(urdf, "package://other_name/meshes/foot.stl") == mesh
    urdf.parent.mkdir()
    assert resolve(urdf, "../meshes/foot.stl").samefile(mesh)
    assert resolve(urdf, f"file://{mesh}") == mesh
    assert resolve(urdf, "package://acme/foot.stl") is None
    monkeypatch.setenv("ROS_PACKAGE_PATH", str(tmp_path))
    assert resolve(Path("/nowhere/robot.urdf"), "package://acme/meshes/foot.stl") == mesh
