"""Write a robot's folder: robot.yaml with its reasons as comments, and the model beside it."""

from __future__ import annotations

from pathlib import Path

import yaml

from athena_wbc.files import write_text
from athena_wbc.robots.build import FIGURES, Built
from athena_wbc.robots.source import Source


def write_robot(source: Source, built: Built, folder: Path) -> Path:
    """Write model and robot.yaml into a folder; returns the latter."""
    source.spec.modelname = built.name
    source.write(folder / f"{built.name}.xml")
    path = folder / "robot.yaml"
    write_text(path, robot_yaml(built))
    return path


def robot_yaml(built: Built) -> str:
    """The text of robot.yaml."""
    lines = [
        "# Written by `athena robots add`. Angles in rad, torques in N m, velocities in rad/s, lengths in m.",
        f"name: {_text(built.name)}",
        f"description: {_text(built.description)}",
        f"model: {_text(built.name + '.xml')}",
        "",
        "# Roles, found in the tree of the model. Names are bodies; key bodies are what tracking is rewarded and",
        "# measured on (the root first).",
        f"anchor: {_text(built.anchor)}",
        "key_bodies:",
        *(f"  - {_text(body)}" for body in built.key_bodies),
        f"feet: {_names(built.feet)}",
        f"end_effectors: {_names(built.end_effectors)}",
        "# Bodies that may touch the ground without a penalty, besides the feet.",
        "contact_allowed:",
        *(f"  - {_text(body)}" for body in built.contact_allowed),
        "",
        "# Default pose: knees slightly bent, soles flat, centre of mass above them. Other joints stand at zero.",
        f"root_height: {built.root_height:.4f}",
        "default_joint_pos:",
        *_pose(built),
        "",
        "# Actuators. By rule where the model has no figures: armature from the effort limit, stiffness and damping",
        "# for a 10 Hz response with damping ratio 2 on it, effort and velocity limits from mass and leg length.",
        "actuators:",
        *_groups(built),
    ]
    return "\n".join(lines) + "\n"


def _pose(built: Built) -> list[str]:
    lines = [
        f"  {_text(joint)}: {angle:.4f}"
        for joint, angle in zip(built.joints, built.stance.qpos[7:], strict=True)
        if abs(angle) >= 5e-5
    ]
    return lines or ["  {}"]


def _groups(built: Built) -> list[str]:
    """Joints with the same figures from the same origins, together."""
    groups: dict[tuple, list[str]] = {}
    for joint, figures in built.joints.items():
        groups.setdefault((built.parts[joint], figures.values, figures.origin), []).append(joint)
    lines = []
    for (part, values, origin), joints in groups.items():
        ruled = [key for key, source in origin if source == "rule"]
        by = f"by rule: {', '.join(ruled)}" if ruled else "all from the model"
        lines.append(f"  # {part}; {by}")
        lines.append(f"  - joints: {_names(tuple(joints))}")
        lines += [f"    {key}: {value:g}" for key, value in zip(FIGURES, values, strict=True)]
    return lines


def _names(names: tuple[str, ...]) -> str:
    return "[" + ", ".join(map(_text, names)) + "]"


def _text(value: str) -> str:
    """A YAML scalar that reads back as this text, quoted where it has to be."""
    return (
        yaml.safe_dump(value, width=10**6, allow_unicode=True, default_flow_style=True).removesuffix("\n...\n").strip()
    )
