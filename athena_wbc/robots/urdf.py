"""Prepare a URDF for MuJoCo's own URDF compiler: a free root, meshes by absolute path, nothing that it would drop.

MuJoCo welds the root link to the world and takes the names of meshes without their folders; both are put right here, in
the XML, before it reads the file. What it would ignore in silence (mimic joints, joint types) is refused.
"""

from __future__ import annotations

import os
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from athena_wbc.errors import AthenaError

READABLE_MESHES = (".stl", ".obj", ".msh")
"""Mesh files that MuJoCo reads, by suffix."""

_WORLD = "world"
"""The link that MuJoCo takes for the world itself."""
_FREE = "root_free_joint"
_JOINT_TYPES = ("revolute", "fixed")
_REMEDY_MESH = "or leave the meshes out with --ignore-meshes"


class Urdf:
    """A URDF as MuJoCo will be given it.

    Args:
        path: the file.
        ignore_meshes: drop every mesh; the links lose those colliders.

    Raises:
        AthenaError: not readable as a URDF, not one tree, a joint that is neither revolute nor fixed, a mimic joint,
            a revolute joint without limits, a mesh that is missing or of a kind that MuJoCo does not read.
    """

    def __init__(self, path: Path, ignore_meshes: bool = False) -> None:
        self.path = path
        self._root = _parse(path)
        self._keep_links_and_joints()
        self._unweld_world()
        joints = self._root.findall("joint")
        for joint in joints:
            self._check_joint(joint)
        self.velocity = {
            joint.get("name", ""): float(joint.find("limit").get("velocity", 0.0))
            for joint in joints
            if joint.get("type") == "revolute"
        }
        """rad/s by joint; zero where the file has none."""
        self._clean_links(ignore_meshes)
        self._free_root(joints)

    def xml(self) -> str:
        """The prepared URDF."""
        return ElementTree.tostring(self._root, encoding="unicode")

    def _keep_links_and_joints(self) -> None:
        if self._root.tag != "robot" or self._root.find("link") is None:
            raise AthenaError(f"{self.path}: is no URDF (no <robot> with links); give a .urdf or an MJCF .xml")
        for child in list(self._root):
            # Simulator extensions, transmissions and the like say nothing about the body.
            if child.tag not in ("link", "joint", "material"):
                self._root.remove(child)

    def _unweld_world(self) -> None:
        """Drop a link named world at the top with its joint: the robot's own root is below it."""
        for link in self._root.findall("link"):
            if link.get("name") == _WORLD:
                self._root.remove(link)
        for joint in self._root.findall("joint"):
            parent = joint.find("parent")
            if parent is not None and parent.get("link") == _WORLD:
                self._root.remove(joint)

    def _check_joint(self, joint: ElementTree.Element) -> None:
        name, kind = joint.get("name", ""), joint.get("type", "")
        if joint.find("mimic") is not None:
            raise AthenaError(
                f"{self.path}: joint '{name}': <mimic> is not supported; make the joint fixed, or free of the other"
            )
        if kind == "continuous":
            raise AthenaError(
                f"{self.path}: joint '{name}': is continuous, and every joint needs a range; "
                "make it revolute with <limit lower= upper=>"
            )
        if kind not in _JOINT_TYPES:
            raise AthenaError(
                f"{self.path}: joint '{name}': type '{kind}' is not supported, only revolute and fixed; change it"
            )
        if kind == "revolute":
            limit = joint.find("limit")
            ends = [None] if limit is None else [limit.get("lower"), limit.get("upper")]
            if None in ends or not _are_numbers((*ends, limit.get("velocity", "0"), limit.get("effort", "0"))):
                raise AthenaError(f"{self.path}: joint '{name}': has no limits; add <limit lower= upper=> in rad")

    def _clean_links(self, ignore_meshes: bool) -> None:
        for link in self._root.findall("link"):
            for visual in link.findall("visual"):
                link.remove(visual)
            for collision in link.findall("collision"):
                mesh = collision.find("geometry/mesh")
                if mesh is None:
                    continue
                if ignore_meshes:
                    link.remove(collision)
                else:
                    mesh.set("filename", str(self._mesh(link.get("name", ""), mesh.get("filename", ""))))

    def _mesh(self, link: str, filename: str) -> Path:
        found = resolve(self.path, filename)
        if found is None:
            raise AthenaError(
                f"{self.path}: link '{link}': mesh '{filename}' is missing; put it there, set ROS_PACKAGE_PATH, "
                + _REMEDY_MESH
            )
        if found.suffix.lower() not in READABLE_MESHES:
            raise AthenaError(
                f"{self.path}: link '{link}': MuJoCo reads no {found.suffix} mesh ('{filename}'); convert it to "
                f".stl or .obj, {_REMEDY_MESH}"
            )
        return found

    def _free_root(self, joints: list[ElementTree.Element]) -> None:
        children = {joint.find("child").get("link") for joint in joints if joint.find("child") is not None}
        roots = [link.get("name", "") for link in self._root.findall("link") if link.get("name") not in children]
        if len(roots) != 1:
            named = ", ".join(roots) or "none"
            raise AthenaError(f"{self.path}: needs exactly one root link, has {named}; join the links into one tree")
        ElementTree.SubElement(self._root, "link", name=_WORLD)
        joint = ElementTree.SubElement(self._root, "joint", name=_FREE, type="floating")
        ElementTree.SubElement(joint, "parent", link=_WORLD)
        ElementTree.SubElement(joint, "child", link=roots[0])
        extension = ElementTree.Element("mujoco")
        options = {"strippath": "false", "fusestatic": "false", "discardvisual": "true"}
        ElementTree.SubElement(extension, "compiler", options)
        self._root.insert(0, extension)


def resolve(urdf: Path, filename: str) -> Path | None:
    """The file that a mesh's name stands for: a path, `file://...`, or `package://name/...`; None where there is none.

    A package is looked for in ROS_PACKAGE_PATH and in the folders above the URDF; what follows its name is also tried
    from those folders themselves, since a repository's folder often has another name than its package.
    """
    above = list(urdf.resolve().parents)
    if filename.startswith("package://"):
        name, _, rest = filename.removeprefix("package://").partition("/")
        paths = [Path(entry) for entry in os.environ.get("ROS_PACKAGE_PATH", "").split(os.pathsep) if entry]
        candidates = [folder / name / rest for folder in (*paths, *above)]
        candidates += [folder / rest for folder in (*(path for path in paths if path.name == name), *above)]
    else:
        candidates = [urdf.resolve().parent / filename.removeprefix("file://")]
    return next((candidate for candidate in candidates if candidate.is_file()), None)


def _parse(path: Path) -> ElementTree.Element:
    try:
        text = path.read_text(encoding="utf-8")
        root = ElementTree.fromstring(text)
    except (ElementTree.ParseError, UnicodeDecodeError) as error:
        raise AthenaError(f"{path}: not readable as XML ({error}); correct the file") from error
    if "xacro" in text and any("xacro" in element.tag for element in root.iter()):
        raise AthenaError(f"{path}: holds xacro macros; expand them first: xacro model.xacro > model.urdf")
    return root


def _are_numbers(texts: tuple[str, ...]) -> bool:
    try:
        return all(abs(float(text)) < float("inf") for text in texts)
    except ValueError:
        return False
