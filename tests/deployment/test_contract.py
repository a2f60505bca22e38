"""The contract against the task it describes, and an observation vector assembled by it with numpy alone."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from athena_wbc.config import load_config
from athena_wbc.deployment.contract import deployable_recipes, privileged_terms, read_contract, to_json
from athena_wbc.deployment.export import Exported
from athena_wbc.errors import AthenaError
from athena_wbc.task.observations import SENSORS, SIMULATION, TERMS
from tests.tracking import g1


def test_terms_lie_end_to_end_in_the_configured_order(exported: Exported) -> None:
    config = load_config("sonic_base", ["task.observations=compact", "task.randomisation=standard"])
    terms, offset = exported.contract["observations"]["terms"], 0
    for term, wanted in zip(terms, config.task.observations.student.terms, strict=True):
        assert (term["name"], term["steps"], term["history"]) == (wanted.term, wanted.steps, wanted.history)
        assert (term["offset"], term["size"], term["trained_noise"]) == (offset, np.prod(term["shape"]), wanted.noise)
        assert term["shape"][:2] == [wanted.history, max(1, len(wanted.steps))]
        offset += term["size"]
    assert offset == exported.contract["observations"]["size"] == 286
    biased = {term["name"]: term["trained_bias"] for term in terms if any(term["trained_bias"])}
    assert biased == {"joint_pos": config.task.randomisation.encoder_bias}


def test_robot_and_action(exported: Exported) -> None:
    robot, contract = g1(), exported.contract
    assert contract["robot"] == {"name": "g1", "hash": robot.hash, "root": "pelvis", "mass": robot.mass}
    assert contract["joints"]["names"] == list(robot.joint_names) and contract["control_dt"] == 0.02
    for key in ("stiffness", "damping", "effort_limit", "velocity_limit"):
        assert contract["joints"][key] == getattr(robot, key).tolist()
    action = contract["action"]
    assert (action["mode"], action["lead_steps"], action["clip"]) == ("residual", 3, 20.0)
    np.testing.assert_allclose(action["scale"], 0.25 * robot.effort_limit / robot.stiffness, rtol=1e-6)
    assert (
        action["trained_delay_steps"]
        == load_config("general", ["task.randomisation=standard"]).task.randomisation.delay_steps
    )
    training = contract["training"]
    assert (training["recipe"], training["iteration"], training["seed"]) == ("sonic_base", 1, 3)


def test_the_page_on_observations_and_the_registry_tell_the_same_terms_apart(repository: Path) -> None:
    page = (repository / "docs" / "observations.md").read_text()
    measured, simulated = page.split("## Known in simulation only")
    measured = measured.split("## What a robot measures")[1]

    def named(part: str) -> set[str]:
        rows = [line.split("|")[1] for line in part.splitlines() if line.startswith("| `")]
        return {name for row in rows for name in re.findall(r"`(\w+)`", row)}

    assert named(measured) == {name for name, spec in TERMS.items() if spec.deployable}
    assert named(simulated) == {name for name, spec in TERMS.items() if not spec.deployable}


def test_every_term_says_what_it_needs() -> None:
    for name, spec in TERMS.items():
        assert set(spec.needs) <= {*SENSORS, "last_action", "reference", SIMULATION}, name
        assert spec.reference == (spec.deployable and "reference" in spec.needs), name
        assert spec.description.startswith("(N, ") and spec.unit


def test_which_recipes_can_be_deployed() -> None:
    assert deployable_recipes() == ["finetune", "single_teacher_student", "sonic_base", "student"]
    assert privileged_terms(load_config("demo")) == [
        "base_lin_vel", "base_height", "root_pos_error", "body_pos_error", "foot_force",
    ]  # fmt: skip


def test_the_example_assembled_by_the_contract_alone(exported: Exported) -> None:
    """What a deployer does in another language: only policy.json, example.npz and the page are used."""
    contract = json.loads((exported.folder / "policy.json").read_text())
    example = np.load(exported.folder / "example.npz")
    count, last = len(example["time"]), len(example["reference_joint_pos"]) - 1
    default = np.array(contract["joints"]["default_pos"])
    clip = contract["action"]["clip"]

    def yaw_only(rotation: Rotation) -> Rotation:
        _, _, z, w = rotation.as_quat()
        return Rotation.from_quat([0.0, 0.0, z, w])

    def value(term: dict, k: int) -> np.ndarray:
        root = Rotation.from_quat(example["orientation"][k])
        frames = [min(max(k + step, 0), last) for step in term["steps"]]
        reference = {key: example[f"reference_{key}"] for key in ("joint_pos", "joint_vel", "root_pos_w")}
        turns = [Rotation.from_quat(example["reference_root_quat_w"][frame]) for frame in frames]
        match term["name"]:
            case "projected_gravity":
                return root.inv().apply([0.0, 0.0, -1.0])
            case "base_ang_vel":
                return example["angular_velocity"][k]
            case "joint_pos":
                return example["joint_pos"][k] - default
            case "joint_vel":
                return example["joint_vel"][k]
            case "last_action":
                return np.clip(example["actions"][k - 1], -clip, clip) if k else np.zeros(len(default))
            case "reference_joint_pos":
                return np.concatenate([reference["joint_pos"][frame] - default for frame in frames])
            case "reference_joint_vel":
                return np.concatenate([reference["joint_vel"][frame] for frame in frames])
            case "reference_orientation":
                return np.concatenate([(root.inv() * turn).as_matrix()[:, :2].ravel() for turn in turns])
            case "reference_height":
                return np.array([reference["root_pos_w"][frame][2] for frame in frames])
            case "reference_lin_vel" | "reference_ang_vel":
                key = term["name"].replace("reference", "reference_root") + "_w"
                pairs = zip(turns, frames, strict=True)
                return np.concatenate([yaw_only(turn).inv().apply(example[key][frame]) for turn, frame in pairs])
        raise AssertionError(term["name"])

    terms = contract["observations"]["terms"]
    for k in range(count):
        vector = np.concatenate(
            [value(term, max(0, k - age)) for term in terms for age in reversed(range(term["history"]))]
        )
        np.testing.assert_allclose(example["observations"][k], vector, atol=2e-5)
        base = example["reference_joint_pos"][min(k + contract["action"]["lead_steps"], last)]
        target = base + np.array(contract["action"]["scale"]) * np.clip(example["actions"][k], -clip, clip)
        np.testing.assert_allclose(example["targets"][k], target, atol=1e-6)


def test_the_text_has_lists_in_one_line_and_means_the_same() -> None:
    contract = {"a": [1.5, 2.0], "b": [], "c": [["x, [y", "two  spaces"], {"d": [1]}], "e": "line\nend [1,\n 2]"}
    text = to_json(contract)
    assert json.loads(text) == contract and ' "a": [ 1.5, 2.0 ],\n' in text


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (None, "holds no policy.json"),
        ("{", "cannot be read"),
        ('{"format": "other"}', "is no deployment contract"),
        ('{"format": "athena_wbc.deployment", "version": 99}', "has format version 99, this athena reads 1"),
        ('{"format": "athena_wbc.deployment", "version": 1}', "lacks robot, joints"),
    ],
)
def test_a_contract_that_is_none(change: str | None, expected: str, tmp_path: Path, exported: Exported) -> None:
    folder = Path(shutil.copytree(exported.folder, tmp_path / "deploy"))
    (folder / "policy.json").unlink()
    if change is not None:
        (folder / "policy.json").write_text(change)
    with pytest.raises(AthenaError, match=expected) as error:
        read_contract(folder)
    assert str(folder) in str(error.value)
