"""The deployment contract: what goes into a policy, what comes out, and for which robot.

Everything in it is derived from the configuration, the robot and the registry of observation terms, so that it cannot
say something else than the task does. It is written as ``policy.json``, and lies in the networks' files too.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from athena_wbc import __version__
from athena_wbc.config import Config, load_config, recipe_descriptions
from athena_wbc.embodiment import Embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.files import sha256_file
from athena_wbc.rotations import rotation_6d
from athena_wbc.task.config import ActionConfig, ObservationGroup, ObservationTerm, TaskConfig
from athena_wbc.task.observations import TERMS
from athena_wbc.task.task import TrackingTask

FILE = "policy.json"
FORMAT = "athena_wbc.deployment"
VERSION = 1

_NEEDED = ("robot", "joints", "control_dt", "action", "observations", "deployable", "files")

_UNITS = {
    "default_pos": "rad",
    "lower": "rad",
    "upper": "rad",
    "stiffness": "N m/rad",
    "damping": "N m s/rad",
    "effort_limit": "N m",
    "velocity_limit": "rad/s",
    "armature": "kg m^2",
}


def make_contract(contents: Mapping[str, Any], config: Config, task: TrackingTask, checkpoint: Path) -> dict[str, Any]:
    """Return the contract of a checkpoint's policy, all but the hashes of the files beside it.

    Args:
        contents: the checkpoint.
        config: that it was trained with.
        task: with the actor's groups, once they were computed; it knows the sizes.
        checkpoint: its file.
    """
    robot, run = task.embodiment, contents.get("run") or {}
    action, randomisation = config.task.action, asdict(config.task.randomisation)
    terms = _terms(config, task)
    return {
        "format": FORMAT,
        "version": VERSION,
        "library": __version__,
        "deployable": not privileged_terms(config),
        "robot": {"name": robot.name, "hash": robot.hash, "root": robot.root, "mass": robot.mass},
        "joints": _joints(robot),
        "control_dt": config.sim.control_dt,
        "action": {
            "size": robot.num_joints,
            "mode": action.mode,
            "lead_steps": action.lead_steps,
            "clip": action.clip,
            "scale": task.action.scale.tolist(),
            "scale_unit": "rad per unit of action",
            "scale_share": action.scale,
            "target": _TARGET[action.mode],
            "trained_delay_steps": randomisation["delay_steps"] or [0, 0],
        },
        "observations": {
            "size": sum(term["size"] for term in terms),
            "groups": list(config.ppo.obs_groups["actor"]),
            "terms": terms,
        },
        "network": {"input": "obs", "output": "actions", "dtype": "float32", "normalisation": "inside the network"},
        "conventions": {
            "quaternion": "x, y, z, w",
            "world": "SI units, z up",
            "rotation_6d": inspect.getdoc(rotation_6d),
            "history": "oldest first; at a reset every entry is the first measurement, and last_action is zero",
            "shape": "[history, reference steps, values of one], flattened in this order",
            "steps": "control steps ahead of now; before the clip its first frame, beyond it the last one",
            "last_action": "the network's previous output, after the clip",
        },
        "training": {
            "recipe": run.get("recipe"),
            "iteration": int(contents["iteration"]),
            "motions": list(run.get("motions") or ()),
            "motions_hash": run.get("motions_hash"),
            "seed": run.get("seed"),
            "physics_dt": config.sim.dt,
            "randomisation": {key: value for key, value in randomisation.items() if value},
        },
        "checkpoint": {"file": checkpoint.name, "sha256": sha256_file(checkpoint), "library": contents.get("library")},
    }


def privileged_terms(config: Config) -> list[str]:
    """Observation terms of the actor that no robot can compute, each once."""
    terms = (term.term for _, group in actor_groups(config) for term in group.terms)
    return list(dict.fromkeys(name for name in terms if name in TERMS and not TERMS[name].deployable))


def deployable_recipes() -> list[str]:
    """The recipes that come with the library whose policies a robot can run."""
    return [name for name in recipe_descriptions() if not privileged_terms(load_config(name))]


def actor_groups(config: Config) -> list[tuple[str, ObservationGroup]]:
    """Name and observation group of all that the actor reads, in its order."""
    return [(name, getattr(config.task.observations, name)) for name in config.ppo.obs_groups["actor"]]


def read_contract(folder: Path) -> dict[str, Any]:
    """Read an export's ``policy.json``.

    Raises:
        AthenaError: no such file, no contract, one of another version, or one whose parts contradict each other.
    """
    path = folder / FILE
    try:
        contract = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise AthenaError(f"{folder}: holds no {FILE}; name a folder that athena export has written") from None
    except (OSError, ValueError) as error:
        raise AthenaError(f"{path}: cannot be read ({error}); export the policy again") from error
    if not isinstance(contract, dict) or contract.get("format") != FORMAT:
        raise AthenaError(f"{path}: is no deployment contract; name a folder that athena export has written")
    if contract.get("version") != VERSION:
        raise AthenaError(
            f"{path}: has format version {contract.get('version')}, this athena reads {VERSION}; export again"
        )
    missing = [key for key in _NEEDED if key not in contract]
    if missing:
        raise AthenaError(f"{path}: lacks {', '.join(missing)}; export the policy again")
    return contract


def task_config(contract: Mapping[str, Any]) -> TaskConfig:
    """The task that assembles a contract's observations and turns its actions into targets: no noise, no delay."""
    config = load_config("general", given={"task.randomisation": "none"}).task
    action, observations = contract["action"], contract["observations"]
    config.action = ActionConfig(action["mode"], action["lead_steps"], action["scale_share"], action["clip"])
    for name in observations["groups"]:
        terms = [
            ObservationTerm(term["name"], list(term["steps"]), term["history"])
            for term in observations["terms"]
            if term["group"] == name
        ]
        setattr(config.observations, name, ObservationGroup(terms, noise=False))
    return config


def check_robot(contract: Mapping[str, Any], robot: Embodiment, source: str) -> None:
    """Refuse a contract that was made for another robot, or whose joints were changed since.

    Raises:
        AthenaError: one line with the first difference.
    """
    then = contract["robot"]
    if then["hash"] != robot.hash:
        raise AthenaError(
            f"{source}: robot: was exported for '{then['name']}' (hash {then['hash']}), this is '{robot.name}' "
            f"({robot.hash}); bring that robot's files, or export for this one"
        )
    for key, now in _joints(robot).items():
        if not _same(contract["joints"].get(key), now):
            raise AthenaError(f"{source}: joints.{key}: differs from the robot '{robot.name}'; export again")


def check_task(contract: Mapping[str, Any], task: TrackingTask, source: str) -> None:
    """Refuse a contract whose action scale or observation sizes are not those of the task that was made from it.

    Raises:
        AthenaError: one line with the first difference.
    """
    if not _same(contract["action"]["scale"], task.action.scale.tolist()):
        raise AthenaError(f"{source}: action.scale: is not scale_share * effort_limit / stiffness; export again")
    schema = task.observation_schema()
    sizes = [size for group in contract["observations"]["groups"] for _, size in schema[group]]
    for term, size in zip(contract["observations"]["terms"], sizes, strict=True):
        if term["size"] != size:
            raise AthenaError(
                f"{source}: observations: {term['name']} has {term['size']} numbers, this athena gives {size}; "
                f"use athena_wbc {contract.get('library', '?')} or export again"
            )


def to_json(contract: Mapping[str, Any]) -> str:
    """A contract as text for people too: keys in their order, a list of numbers or names in one line."""
    text = json.dumps(contract, indent=1, allow_nan=False, ensure_ascii=False)
    # JSON has no line ends within strings, so this changes nothing but the layout.
    return re.sub(r"\[\n[^\[\]{}]*\]", lambda found: re.sub(r"\n\s*", " ", found[0]), text) + "\n"


def _same(then: Any, now: Any) -> bool:
    """Whether two lists are equal, numbers but for rounding."""
    if not (isinstance(then, list) and isinstance(now, list) and len(then) == len(now)):
        return then == now
    if any(isinstance(value, str) for value in (*then, *now)):
        return then == now
    return bool(np.allclose(then, now, rtol=1e-6, atol=1e-9))


_TARGET = {
    "residual": "reference joint position lead_steps ahead + scale * clamp(action, -clip, clip)",
    "absolute": "default joint position + scale * clamp(action, -clip, clip)",
}


def _joints(robot: Embodiment) -> dict[str, Any]:
    """Names, pose, limits and gains, each a list in the order of the names."""
    return {
        "names": list(robot.joint_names),
        "default_pos": robot.default_joint_pos.tolist(),
        "lower": robot.joint_lower.tolist(),
        "upper": robot.joint_upper.tolist(),
        "stiffness": robot.stiffness.tolist(),
        "damping": robot.damping.tolist(),
        "effort_limit": robot.effort_limit.tolist(),
        "velocity_limit": robot.velocity_limit.tolist(),
        "armature": robot.armature.tolist(),
        "units": dict(_UNITS),
    }


def _terms(config: Config, task: TrackingTask) -> list[dict[str, Any]]:
    """Every term of the observation vector in order, with its place."""
    described: list[dict[str, Any]] = []
    offset = 0
    schema = task.observation_schema()
    for name, group in actor_groups(config):
        for term, (_, size) in zip(group.terms, schema[name], strict=True):
            spec, frames = TERMS[term.term], max(1, len(term.steps))
            biased = group.noise and spec.encoder and bool(config.task.randomisation.encoder_bias)
            described.append(
                {
                    "name": term.term,
                    "group": name,
                    "offset": offset,
                    "size": size,
                    "shape": [term.history, frames, size // (term.history * frames)],
                    "history": term.history,
                    "steps": list(term.steps),
                    "unit": spec.unit,
                    "frame": spec.frame,
                    "needs": list(spec.needs),
                    "trained_noise": term.noise if group.noise else 0.0,
                    "trained_bias": list(config.task.randomisation.encoder_bias) if biased else [0.0, 0.0],
                    "description": spec.description,
                }
            )
            offset += size
    return described
