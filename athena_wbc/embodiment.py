"""A robot as the library sees it: kinematic tree, limits, gains and roles; and the registry of robots.

A robot is a folder with a `robot.yaml` (gains, limits, roles, default pose) beside its MJCF (tree, inertias, ranges).
Everything is matched by name; the canonical joint and body order is the depth-first order of the MJCF.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import importlib.util
import json
import re
from importlib import metadata
from pathlib import Path

import numpy as np
import yaml

from athena_wbc.errors import AthenaError, suggest

ACTION_SCALE = 0.25
"""Joint target per unit of action, as a share of effort limit / stiffness: one unit asks for a quarter of the torque."""

ENTRY_POINT_GROUP = "athena_wbc.robots"
"""Installed packages name their robots here: `name = "package.module:path_to_robot_yaml"`."""

_REQUIRED = ("name", "model", "anchor", "key_bodies", "feet", "end_effectors", "root_height", "actuators")
_OPTIONAL = ("description", "default_joint_pos", "contact_allowed")
_GAINS = ("stiffness", "damping", "effort_limit", "velocity_limit")


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
            if field.name in ("model_path", "description"):
                continue
            value = getattr(self, field.name)
            content[field.name] = np.round(value, 9).tolist() if isinstance(value, np.ndarray) else value
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def load_embodiment(path: str | Path) -> Embodiment:
    """Read a robot from its `robot.yaml`, or from the folder that holds one.

    Raises:
        AthenaError: a missing file or key, a name that the model lacks, a joint without an actuator.
    """
    path = Path(path)
    if path.is_dir():
        path = path / "robot.yaml"
    if not path.is_file():
        raise AthenaError(f"{path}: no such robot file; give a robot.yaml or a folder that holds one")
    try:
        content = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        raise AthenaError(f"{path}: not readable as YAML ({_first_line(error)}); correct the file") from error
    if not isinstance(content, dict):
        raise AthenaError(f"{path}: holds no mapping; see robots/athena_robots/g1/robot.yaml for an example")
    _check_keys(path, content)
    model_path = path.parent / content["model"]
    tree = _read_tree(path, model_path)
    joints = tree["joint_names"]
    gains = _read_actuators(path, content["actuators"], joints)
    for key in ("key_bodies", "feet", "end_effectors", "contact_allowed"):
        _check_bodies(path, key, content.get(key, []), tree["body_names"])
    _check_bodies(path, "anchor", [content["anchor"]], tree["body_names"])
    key_bodies = tuple(content["key_bodies"])
    if key_bodies[:1] != tree["body_names"][:1]:
        raise AthenaError(f"{path}: key_bodies: the first must be the root body '{tree['body_names'][0]}'")
    if content["anchor"] not in key_bodies:
        raise AthenaError(f"{path}: anchor: '{content['anchor']}' must be one of key_bodies")
    default = _match_patterns(path, "default_joint_pos", content.get("default_joint_pos") or {}, joints)
    return Embodiment(
        name=str(content["name"]),
        description=str(content.get("description", "")),
        model_path=model_path,
        default_joint_pos=np.clip(default, tree["joint_lower"], tree["joint_upper"]),
        default_root_height=float(content["root_height"]),
        key_bodies=key_bodies,
        anchor=content["anchor"],
        feet=tuple(content["feet"]),
        end_effectors=tuple(content["end_effectors"]),
        contact_allowed=tuple(content.get("contact_allowed", ())),
        **tree,
        **gains,
    )


_registered: dict[str, Path | Embodiment] = {}


def register_embodiment(robot: str | Path | Embodiment) -> str:
    """Make a robot known by its name for this process; a robot of the same name is replaced. Returns the name."""
    if isinstance(robot, Embodiment):
        _registered[robot.name] = robot
        return robot.name
    embodiment = load_embodiment(robot)
    _registered[embodiment.name] = embodiment
    return embodiment.name


def embodiment_names() -> tuple[str, ...]:
    """Names of the robots that ship, that installed packages bring, and that were registered, sorted."""
    return tuple(sorted(_known()))


def get_embodiment(robot: str | Path | Embodiment) -> Embodiment:
    """A robot by name, or by the path of its `robot.yaml` or folder."""
    if isinstance(robot, Embodiment):
        return robot
    known = _known()
    if str(robot) in known:
        found = known[str(robot)]
        return found if isinstance(found, Embodiment) else _load_cached(found, found.stat().st_mtime_ns)
    if Path(robot).suffix in (".yaml", ".yml") or Path(robot).is_dir():
        return load_embodiment(robot)
    raise AthenaError(f"robot: {suggest(str(robot), known)}; or give the path of a robot.yaml")


@functools.lru_cache(maxsize=32)
def _load_cached(path: Path, _modified: int) -> Embodiment:
    return load_embodiment(path)


def _known() -> dict[str, Path | Embodiment]:
    known: dict[str, Path | Embodiment] = {}
    for folder in _shipped_folders():
        known.update({file.parent.name: file for file in sorted(folder.glob("*/robot.yaml"))})
    for point in metadata.entry_points(group=ENTRY_POINT_GROUP):
        known[point.name] = Path(point.load())
    known.update(_registered)
    return known


def _shipped_folders() -> list[Path]:
    """The folder of `athena_robots`: installed, or beside this package in a bare checkout."""
    spec = importlib.util.find_spec("athena_robots")
    if spec is not None and spec.submodule_search_locations:
        return [Path(location) for location in spec.submodule_search_locations]
    checkout = Path(__file__).resolve().parent.parent / "robots" / "athena_robots"
    return [checkout] if checkout.is_dir() else []


def _read_tree(path: Path, model_path: Path) -> dict:
    """Kinematic tree, masses and ranges from the compiled model, names as tuples and numbers as arrays."""
    import mujoco

    if not model_path.is_file():
        raise AthenaError(
            f"{path}: model: '{model_path.name}' is not beside it; copy the MJCF there or correct the key"
        )
    try:
        model = mujoco.MjModel.from_xml_path(str(model_path))
    except ValueError as error:
        raise AthenaError(
            f"{model_path}: MuJoCo cannot compile it ({_first_line(error)}); correct the model"
        ) from error
    if model.nbody < 2 or model.njnt == 0 or model.jnt_type[0] != mujoco.mjtJoint.mjJNT_FREE:
        raise AthenaError(
            f"{model_path}: the first body has no free joint; add <freejoint/> to the robot's root body"
        )
    if any(model.jnt_type[1:] != mujoco.mjtJoint.mjJNT_HINGE):
        names = [
            model.joint(i).name
            for i in range(1, model.njnt)
            if model.jnt_type[i] != mujoco.mjtJoint.mjJNT_HINGE
        ]
        raise AthenaError(
            f"{model_path}: joints {', '.join(names)} are not hinges; only hinge joints are supported"
        )
    unlimited = [model.joint(i).name for i in range(1, model.njnt) if not model.jnt_limited[i]]
    if unlimited:
        raise AthenaError(
            f"{model_path}: joints {', '.join(unlimited)} have no range; give every joint a range"
        )
    if len(set(model.jnt_bodyid)) != model.njnt:
        raise AthenaError(f"{model_path}: a body has more than one joint; put a body between them")
    hinges = slice(1, model.njnt)
    wxyz = model.body_quat[1:]
    offset_pos, offset_quat = model.body_pos[1:].copy(), np.concatenate((wxyz[:, 1:], wxyz[:, :1]), axis=1)
    offset_pos[0], offset_quat[0] = 0.0, (0.0, 0.0, 0.0, 1.0)
    return {
        "joint_names": tuple(model.joint(i).name for i in range(1, model.njnt)),
        "body_names": tuple(model.body(i).name for i in range(1, model.nbody)),
        "body_parents": tuple(int(p) - 1 for p in model.body_parentid[1:]),
        "body_offset_pos": offset_pos,
        "body_offset_quat": offset_quat,
        "body_mass": model.body_mass[1:].copy(),
        "body_com": model.body_ipos[1:].copy(),
        "joint_body": model.jnt_bodyid[hinges] - 1,
        "joint_axis": model.jnt_axis[hinges].copy(),
        "joint_anchor": model.jnt_pos[hinges].copy(),
        "joint_lower": model.jnt_range[hinges, 0].copy(),
        "joint_upper": model.jnt_range[hinges, 1].copy(),
    }


def _read_actuators(path: Path, actuators: list[dict], joints: tuple[str, ...]) -> dict[str, np.ndarray]:
    gains = {key: np.full(len(joints), np.nan) for key in (*_GAINS, "armature")}
    for number, group in enumerate(actuators):
        where = f"actuators[{number}]"
        missing = [key for key in ("joints", *_GAINS) if key not in group]
        if missing:
            raise AthenaError(f"{path}: {where}: '{missing[0]}' is missing; every actuator group needs it")
        for pattern in group["joints"]:
            matched = [i for i, joint in enumerate(joints) if re.fullmatch(pattern, joint)]
            if not matched:
                raise AthenaError(f"{path}: {where}.joints: {suggest(pattern, joints)}")
            for key in _GAINS:
                if not float(group[key]) > 0.0:
                    raise AthenaError(f"{path}: {where}.{key}: must be positive, is {group[key]}")
                gains[key][matched] = float(group[key])
            gains["armature"][matched] = float(group.get("armature", 0.0))
    unmatched = [
        joint for joint, stiffness in zip(joints, gains["stiffness"], strict=True) if np.isnan(stiffness)
    ]
    if unmatched:
        raise AthenaError(
            f"{path}: actuators: no group matches the joints {', '.join(unmatched)}; add them to one"
        )
    return gains


def _match_patterns(path: Path, key: str, patterns: dict[str, float], joints: tuple[str, ...]) -> np.ndarray:
    values = np.zeros(len(joints))
    for pattern, value in patterns.items():
        matched = [i for i, joint in enumerate(joints) if re.fullmatch(pattern, joint)]
        if not matched:
            raise AthenaError(f"{path}: {key}: {suggest(pattern, joints)}")
        values[matched] = float(value)
    return values


def _check_keys(path: Path, content: dict) -> None:
    for key in _REQUIRED:
        if key not in content:
            raise AthenaError(f"{path}: key '{key}' is missing; see robots/athena_robots/g1/robot.yaml")
    for key in content:
        if key not in _REQUIRED + _OPTIONAL:
            raise AthenaError(f"{path}: key {suggest(key, _REQUIRED + _OPTIONAL)}")


def _check_bodies(path: Path, key: str, names: list[str], bodies: tuple[str, ...]) -> None:
    for name in names:
        if name not in bodies:
            raise AthenaError(f"{path}: {key}: body {suggest(name, bodies)}")


def _indices(names: tuple[str, ...], known: tuple[str, ...], kind: str, robot: str) -> np.ndarray:
    for name in names:
        if name not in known:
            raise AthenaError(f"robot '{robot}': {kind} {suggest(name, known)}")
    return np.array([known.index(name) for name in names], dtype=np.int64)


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]
