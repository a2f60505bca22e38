"""A robot as the library sees it: kinematic tree, limits, gains and roles; and the registry of robots.

A robot is a folder with a `robot.yaml` (gains, limits, roles, default pose) beside its MJCF (tree, inertias, ranges).
Everything is matched by name; the canonical joint and body order is the depth-first order of the MJCF.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

import numpy as np

from athena_wbc.errors import AthenaError, suggest
from athena_wbc.resources import robot_files, user_robot_files
from athena_wbc.robot_file import RobotFile, read_tree

ACTION_SCALE = 0.25
"""Joint target per unit of action, as a share of effort limit / stiffness: one unit asks for a quarter of it."""

ENTRY_POINT_GROUP = "athena_wbc.robots"
"""Installed packages name their robots here: `name = "package.module:path_to_robot_yaml"`."""


@dataclasses.dataclass(frozen=True, eq=False)
class Embodiment:
    """A floating-base humanoid with J actuated hinge joints and B bodies. Arrays are float64, SI units.

    Body frames follow the MJCF. The frame of body b, seen from its parent, is first offset by `body_offset_*`, then
    turned by its joint about `joint_axis` through `joint_anchor` (both in the body's own frame). A body has at most
    one joint.
    """

    name: str
    description: str
    model_path: Path
    joint_names: tuple[str, ...]
    body_names: tuple[str, ...]
    """All bodies, the root first, without the world."""
    body_parents: tuple[int, ...]
    """Index of every body's parent; -1 for the root."""
    body_offset_pos: np.ndarray
    """(B, 3) m; zero for the root, whose pose is the state."""
    body_offset_quat: np.ndarray
    """(B, 4) scalar last."""
    body_mass: np.ndarray
    """(B,) kg."""
    body_com: np.ndarray
    """(B, 3) centre of mass in the body frame, m."""
    joint_body: np.ndarray
    """(J,) index of the body that each joint moves."""
    joint_axis: np.ndarray
    """(J, 3) unit axis in the body frame."""
    joint_anchor: np.ndarray
    """(J, 3) a point of the axis in the body frame, m."""
    joint_lower: np.ndarray
    joint_upper: np.ndarray
    velocity_limit: np.ndarray
    effort_limit: np.ndarray
    stiffness: np.ndarray
    damping: np.ndarray
    armature: np.ndarray
    default_joint_pos: np.ndarray
    default_root_height: float
    """Height of the root in the default pose with the soles on the ground, m."""
    key_bodies: tuple[str, ...]
    """Bodies that tracking is rewarded and measured on, the root first."""
    anchor: str
    """The key body whose horizontal position and heading anchor the reference."""
    feet: tuple[str, ...]
    end_effectors: tuple[str, ...]
    contact_allowed: tuple[str, ...]
    """Bodies besides the feet whose ground contact is not penalised."""
    roles: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Body of a role (see `athena_wbc.roles`), where the robot file corrects what the tree says."""

    @property
    def num_joints(self) -> int:
        return len(self.joint_names)

    @property
    def root(self) -> str:
        return self.body_names[0]

    @property
    def mass(self) -> float:
        """Total mass, kg."""
        return float(self.body_mass.sum())

    @property
    def action_scale(self) -> np.ndarray:
        """(J,) rad of joint target per unit of action."""
        return ACTION_SCALE * self.effort_limit / self.stiffness

    @functools.cached_property
    def key_body_index(self) -> np.ndarray:
        """(K,) index of the key bodies in `body_names`."""
        return self.body_index(self.key_bodies)

    @functools.cached_property
    def key_body_path_length(self) -> np.ndarray:
        """(K,) sum of link lengths along the tree from the root to each key body, m: L_j of eq. A.15."""
        length = np.zeros(len(self.body_names))
        for body, parent in enumerate(self.body_parents):
            if parent >= 0:
                length[body] = length[parent] + np.linalg.norm(self.body_offset_pos[body])
        return length[self.key_body_index]

    def body_index(self, names: tuple[str, ...]) -> np.ndarray:
        """Indices of bodies by name."""
        return _indices(names, self.body_names, "body", self.name)

    def joint_index(self, names: tuple[str, ...]) -> np.ndarray:
        """Indices of joints by name; an unknown name is an error that lists the nearest."""
        return _indices(names, self.joint_names, "joint", self.name)

    @functools.cached_property
    def hash(self) -> str:
        """Hash of all that a policy depends on: names, tree, limits, gains, roles; not colliders or comments."""
        content: dict = {}
        for field in dataclasses.fields(self):
            if field.name in ("model_path", "description", "roles"):
                continue
            value = getattr(self, field.name)
            # Adding zero turns -0.0, which is written otherwise, into 0.0.
            content[field.name] = (np.round(value, 9) + 0).tolist() if isinstance(value, np.ndarray) else value
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def load_embodiment(path: str | Path) -> Embodiment:
    """Read a robot from its `robot.yaml`, or from the folder that holds one.

    Raises:
        AthenaError: a missing file or key, a value of the wrong kind, a name that the model lacks, a joint without an
            actuator, a model that is no floating base with limited hinge joints.
    """
    file = RobotFile(path)
    model_path = file.path.parent / file.text("model")
    tree = read_tree(file.path, model_path)
    joints, bodies = tree["joint_names"], tree["body_names"]
    key_bodies = file.bodies("key_bodies", bodies)
    if key_bodies[0] != bodies[0]:
        raise AthenaError(f"{file.path}: key_bodies: the first must be the root body '{bodies[0]}'; move it there")
    anchor = file.text("anchor")
    if anchor not in key_bodies:
        raise AthenaError(f"{file.path}: anchor: key body {suggest(anchor, key_bodies)}")
    return Embodiment(
        name=file.text("name"),
        description=file.text("description"),
        model_path=model_path,
        default_joint_pos=file.default_joint_pos(joints, tree["joint_lower"], tree["joint_upper"]),
        default_root_height=file.height("root_height"),
        key_bodies=key_bodies,
        anchor=anchor,
        feet=file.bodies("feet", key_bodies, "key body"),
        end_effectors=file.bodies("end_effectors", key_bodies, "key body"),
        contact_allowed=file.bodies("contact_allowed", bodies),
        roles=file.roles(),
        **tree,
        **file.gains(joints),
    )


_registered: dict[str, Embodiment] = {}


def register_embodiment(robot: str | Path | Embodiment) -> str:
    """Make a robot known by its name for this process; a robot of the same name is replaced. Returns the name."""
    embodiment = robot if isinstance(robot, Embodiment) else load_embodiment(robot)
    _registered[embodiment.name] = embodiment
    return embodiment.name


def embodiment_names() -> tuple[str, ...]:
    """Names of the robots that ship, that the user added, that packages bring, and that were registered, sorted."""
    return tuple(sorted(_known()))


def robot_origin(name: str) -> str:
    """Where a known robot comes from, in words; the later of shipped, package, added and registered counts."""
    if name in _registered:
        return "registered in this process"
    if name in user_robot_files():
        return f"added, {user_robot_files()[name].parent}"
    for point in metadata.entry_points(group=ENTRY_POINT_GROUP):
        if point.name == name:
            return f"package {point.dist.name if point.dist else point.value}"
    if name in robot_files():
        return "shipped"
    raise AthenaError(f"robot: {suggest(name, _known())}")


def get_embodiment(robot: str | Path | Embodiment) -> Embodiment:
    """A robot by name, or by the path of its `robot.yaml` or folder."""
    if isinstance(robot, Embodiment):
        return robot
    known = _known()
    if str(robot) in known:
        found = known[str(robot)]
        if isinstance(found, metadata.EntryPoint):
            found = _file_of(found)
        if isinstance(found, Embodiment):
            return found
        return _load_once(found, found.stat().st_mtime_ns) if found.is_file() else load_embodiment(found)
    if Path(robot).suffix in (".yaml", ".yml") or Path(robot).is_dir():
        return load_embodiment(robot)
    raise AthenaError(f"robot: {suggest(str(robot), known)}; or give the path of a robot.yaml")


@functools.lru_cache(maxsize=32)
def _load_once(path: Path, changed_at: int) -> Embodiment:
    """Read a file once; again when it has changed."""
    return load_embodiment(path)


def _known() -> dict[str, Path | Embodiment | metadata.EntryPoint]:
    """What each name stands for; an installed package is imported only when its robot is asked for."""
    known: dict[str, Path | Embodiment | metadata.EntryPoint] = dict(robot_files())
    known.update({point.name: point for point in metadata.entry_points(group=ENTRY_POINT_GROUP)})
    known.update(user_robot_files())
    known.update(_registered)
    return known


def _file_of(point: metadata.EntryPoint) -> Path:
    try:
        return Path(point.load())
    except Exception as error:
        raise AthenaError(
            f"robot '{point.name}': its package cannot give the file ({point.value}: {type(error).__name__}: {error}); "
            "repair or remove the package"
        ) from error


def _indices(names: tuple[str, ...], known: tuple[str, ...], kind: str, robot: str) -> np.ndarray:
    for name in names:
        if name not in known:
            raise AthenaError(f"robot '{robot}': {kind} {suggest(name, known)}")
    return np.array([known.index(name) for name in names], dtype=np.int64)
