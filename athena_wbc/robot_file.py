"""Read a robot's two files: roles, gains and default pose from robot.yaml; tree, masses and ranges from its MJCF.

Every refusal is one line that names the file, the key and the remedy.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from athena_wbc.errors import AthenaError, suggest

EXAMPLE = "see robots/athena_robots/g1/robot.yaml for an example"

_REQUIRED = ("name", "model", "anchor", "key_bodies", "feet", "end_effectors", "root_height", "actuators")
_OPTIONAL = ("description", "default_joint_pos", "contact_allowed", "roles")
_GAINS = ("stiffness", "damping", "effort_limit", "velocity_limit")


class RobotFile:
    """The content of a robot.yaml, given as the file or as the folder that holds it.

    Raises:
        AthenaError: a missing file, not a YAML mapping, a missing or unknown key; from the methods, a value of the
            wrong kind.
    """

    def __init__(self, path: str | Path) -> None:
        path = Path(path)
        self.path = path / "robot.yaml" if path.is_dir() else path
        if not self.path.is_file():
            raise AthenaError(f"{self.path}: no such robot file; give a robot.yaml or a folder that holds one")
        try:
            content = yaml.safe_load(self.path.read_text(encoding="utf-8"))
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise AthenaError(f"{self.path}: not readable as YAML ({_where(error)}); correct the file") from error
        if not isinstance(content, dict):
            raise AthenaError(f"{self.path}: holds no mapping; {EXAMPLE}")
        for key in _REQUIRED:
            if key not in content:
                raise AthenaError(f"{self.path}: key '{key}' is missing; {EXAMPLE}")
        self._check_known("key", content, _REQUIRED + _OPTIONAL)
        self._content: dict[str, Any] = content

    def text(self, key: str) -> str:
        """A text; empty where an optional key is absent."""
        value = self._content.get(key, "")
        if not isinstance(value, str) or not (value or key in _OPTIONAL):
            raise AthenaError(f"{self.path}: {key}: must be a text, is {value!r}; {EXAMPLE}")
        return value

    def height(self, key: str) -> float:
        """A positive length, m."""
        return self._positive(key, self._content[key])

    def bodies(self, key: str, among: tuple[str, ...], kind: str = "body") -> tuple[str, ...]:
        """A list of distinct names out of `among`; only an optional key may be absent or empty."""
        names = self._texts(key, self._content.get(key) or [])
        if not names and key not in _OPTIONAL:
            raise AthenaError(f"{self.path}: {key}: is empty; name at least one body")
        for name in names:
            if name not in among:
                raise AthenaError(f"{self.path}: {key}: {kind} {suggest(name, among)}")
            if names.count(name) > 1:
                raise AthenaError(f"{self.path}: {key}: '{name}' stands twice; remove one")
        return names

    def gains(self, joints: tuple[str, ...]) -> dict[str, np.ndarray]:
        """(J,) stiffness, damping, effort and velocity limits, and armature, from the actuator groups."""
        groups = self._content["actuators"]
        if not isinstance(groups, list):
            raise AthenaError(f"{self.path}: actuators: must be a list of groups; {EXAMPLE}")
        gains = {key: np.zeros(len(joints)) for key in (*_GAINS, "armature")}
        owner: dict[int, int] = {}
        for number, group in enumerate(groups):
            where = f"actuators[{number}]"
            if not isinstance(group, dict):
                raise AthenaError(f"{self.path}: {where}: must be a mapping; {EXAMPLE}")
            missing = [key for key in ("joints", *_GAINS) if key not in group]
            if missing:
                raise AthenaError(f"{self.path}: {where}: '{missing[0]}' is missing; every actuator group needs it")
            self._check_known(f"{where}: key", group, ("joints", *_GAINS, "armature"))
            values = {key: self._positive(f"{where}.{key}", group[key]) for key in _GAINS}
            values["armature"] = self._positive(f"{where}.armature", group.get("armature", 0.0), or_zero=True)
            for pattern in self._texts(f"{where}.joints", group["joints"]):
                matched = self._match(f"{where}.joints", pattern, joints)
                for joint in matched:
                    if owner.setdefault(joint, number) != number:
                        raise AthenaError(
                            f"{self.path}: {where}.joints: '{joints[joint]}' is in actuators[{owner[joint]}] already; "
                            "leave it in one group"
                        )
                for key, value in values.items():
                    gains[key][matched] = value
        lacking = [joint for index, joint in enumerate(joints) if index not in owner]
        if lacking:
            raise AthenaError(
                f"{self.path}: actuators: no group matches the joints {', '.join(lacking)}; add them to one"
            )
        return gains

    def default_joint_pos(self, joints: tuple[str, ...], lower: np.ndarray, upper: np.ndarray) -> np.ndarray:
        """(J,) rad. A later pattern wins; a joint that none names stands at zero, or at the limit nearest to it."""
        key = "default_joint_pos"
        patterns = self._content.get(key) or {}
        if not isinstance(patterns, Mapping):
            raise AthenaError(f"{self.path}: {key}: must map joint names to angles; {EXAMPLE}")
        values = np.clip(np.zeros(len(joints)), lower, upper)
        for pattern, angle in patterns.items():
            for joint in self._match(key, str(pattern), joints):
                values[joint] = self._number(f"{key}.{pattern}", angle)
                if not lower[joint] <= values[joint] <= upper[joint]:
                    raise AthenaError(
                        f"{self.path}: {key}: {values[joint]:g} is outside the range {lower[joint]:g} to "
                        f"{upper[joint]:g} of '{joints[joint]}'; angles are in rad"
                    )
        return values

    def roles(self) -> dict[str, str]:
        """Role -> body, for what is not to be found in the tree; the names are checked where roles are looked for."""
        roles = self._content.get("roles") or {}
        if not isinstance(roles, Mapping) or not all(isinstance(body, str) for body in roles.values()):
            raise AthenaError(f"{self.path}: roles: must map roles to names of bodies, as left_knee: left_shin_link")
        return {str(role): body for role, body in roles.items()}

    def _match(self, key: str, pattern: str, joints: tuple[str, ...]) -> list[int]:
        try:
            matched = [index for index, joint in enumerate(joints) if re.fullmatch(pattern, joint)]
        except re.error as error:
            raise AthenaError(f"{self.path}: {key}: '{pattern}' is no valid pattern ({error}); correct it") from error
        if not matched:
            raise AthenaError(f"{self.path}: {key}: joint {suggest(pattern, joints)}")
        return matched

    def _texts(self, key: str, value: Any) -> tuple[str, ...]:
        if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
            raise AthenaError(f"{self.path}: {key}: must be a list of names, is {value!r}; {EXAMPLE}")
        return tuple(value)

    def _number(self, key: str, value: Any) -> float:
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = math.nan
        if not math.isfinite(number):
            raise AthenaError(f"{self.path}: {key}: must be a number, is {value!r}; correct it")
        return number

    def _positive(self, key: str, value: Any, or_zero: bool = False) -> float:
        number = self._number(key, value)
        if number < 0.0 or (number == 0.0 and not or_zero):
            raise AthenaError(f"{self.path}: {key}: must be {'zero or ' * or_zero}positive, is {value}; correct it")
        return number

    def _check_known(self, what: str, found: Iterable[Any], known: tuple[str, ...]) -> None:
        for key in found:
            if key not in known:
                raise AthenaError(f"{self.path}: {what} {suggest(str(key), known)}")


def read_tree(path: Path, model_path: Path) -> dict[str, Any]:
    """Names, tree, masses and ranges of an MJCF, as fields of `Embodiment`; depth first, quaternions scalar last.

    Raises:
        AthenaError: a model that is missing or does not compile, no free root, bodies beside the robot, joints that
            are no limited hinges, several joints in one body, a body or joint without a name.
    """
    import mujoco

    if not model_path.is_file():
        raise AthenaError(
            f"{path}: model: '{model_path.name}' is not beside it; copy the MJCF there or correct the key"
        )
    try:
        model = mujoco.MjModel.from_xml_path(str(model_path))
    except ValueError as error:
        raise AthenaError(f"{model_path}: MuJoCo cannot compile it ({_one_line(error)}); correct the model") from error
    check_model(model_path, model)
    hinges, bodies = slice(1, None), slice(1, None)
    offset_pos, offset_quat = model.body_pos[bodies].copy(), model.body_quat[bodies][:, [1, 2, 3, 0]]
    offset_pos[0], offset_quat[0] = 0.0, (0.0, 0.0, 0.0, 1.0)
    return {
        "joint_names": tuple(model.joint(index).name for index in range(1, model.njnt)),
        "body_names": tuple(model.body(index).name for index in range(1, model.nbody)),
        "body_parents": tuple(int(parent) - 1 for parent in model.body_parentid[bodies]),
        "body_offset_pos": offset_pos,
        "body_offset_quat": offset_quat,
        "body_mass": model.body_mass[bodies].copy(),
        "body_com": model.body_ipos[bodies].copy(),
        "joint_body": model.jnt_bodyid[hinges] - 1,
        "joint_axis": model.jnt_axis[hinges].copy(),
        "joint_anchor": model.jnt_pos[hinges].copy(),
        "joint_lower": model.jnt_range[hinges, 0].copy(),
        "joint_upper": model.jnt_range[hinges, 1].copy(),
    }


def check_model(path: Path, model: Any) -> None:
    from mujoco import mjtJoint

    if model.njnt == 0 or model.jnt_type[0] != mjtJoint.mjJNT_FREE or model.jnt_bodyid[0] != 1:
        raise AthenaError(f"{path}: the first body has no free joint; add <freejoint/> to the robot's root body")
    if "" in [model.body(index).name for index in range(1, model.nbody)]:
        raise AthenaError(f"{path}: a body has no name; name every body")
    joints = range(1, model.njnt)
    nameless = [model.body(model.jnt_bodyid[index]).name for index in joints if not model.joint(index).name]
    if nameless:
        raise AthenaError(f"{path}: the joint of body '{nameless[0]}' has no name; name every joint")
    beside = [model.body(index).name for index in range(2, model.nbody) if model.body_parentid[index] == 0]
    if beside:
        raise AthenaError(f"{path}: bodies {', '.join(beside)} stand beside the robot; leave only the robot in it")
    other = [model.joint(index).name for index in joints if model.jnt_type[index] != mjtJoint.mjJNT_HINGE]
    if other:
        raise AthenaError(f"{path}: joints {', '.join(other)} are not hinges; only hinge joints are supported")
    if model.njnt == 1:
        raise AthenaError(f"{path}: the robot has no joints; add hinge joints")
    unlimited = [model.joint(index).name for index in joints if not model.jnt_limited[index]]
    if unlimited:
        raise AthenaError(f"{path}: joints {', '.join(unlimited)} have no range; give every joint a range")
    several = [model.joint(index).name for index in joints if model.jnt_bodyid[index] == model.jnt_bodyid[index - 1]]
    if several:
        raise AthenaError(f"{path}: joint '{several[0]}' shares its body with another; put a body between them")


def _where(error: Exception) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"line {error.problem_mark.line + 1}: {error.problem}"
    return _one_line(error)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
