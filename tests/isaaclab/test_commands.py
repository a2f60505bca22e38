"""The tools as users start them: by Isaac Lab's own launcher, which decides the simulator."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml

from tests.pipeline.small_pipeline import CONFIG, write_config

TINY = (
    "ppo.num_steps_per_env=4",
    "ppo.num_mini_batches=1",
    "ppo.num_learning_epochs=1",
    "ppo.logging.writer=none",
    "ppo.actor.hidden_dims=[16]",
    "ppo.critic.hidden_dims=[16]",
)
SHARED = ("--device", "cpu", "--headless", "--seed", "1")


def isaaclab(repository: Path, tool: str, *arguments: str, code: int = 0) -> str:
    """Run `isaaclab -p tools/<tool>.py ...`; returns what it printed, errors included."""
    command = [str(Path(sys.executable).with_name("isaaclab")), "-p", str(repository / "tools" / f"{tool}.py")]
    done = subprocess.run(
        [*command, *arguments], capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def run(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("started") / "run"
    task = ("--task", "Athena-Tracking-G1-v0", "--motions", "builtin:wave", "--num_envs", "4", "--max_iterations", "2")
    told = isaaclab(repository, "train", *task, *SHARED, "--out", str(out), "physics=newton_mjwarp", *TINY)
    assert "trained; checkpoint: " in told
    assert "iterations limit reached" not in told
    return out


def test_a_training_is_isaac_labs(run: Path):
    from athena_wbc.learning.checkpoint import load_checkpoint

    contents = load_checkpoint(run)
    assert contents["iteration"] == 2 and contents["run"]["seed"] == 1
    assert contents["environment"]["simulator"] == "isaaclab"


def test_evaluate(repository: Path, run: Path, tmp_path: Path):
    options = ("--motions", "builtin:wave", "--rollouts", "1", "--num_envs", "2", *SHARED)
    isaaclab(
        repository, "evaluate", "--checkpoint", str(run), *options, "--out", str(tmp_path), "physics=newton_mjwarp"
    )
    assert json.loads((tmp_path / "metrics.json").read_text())["seed"] == 1


def test_play(repository: Path, run: Path, tmp_path: Path):
    out = tmp_path / "strip.png"
    options = ("--motions", "builtin:wave", "--seconds", "0.3", *SHARED, "--out", str(out), "physics=newton_mjwarp")
    isaaclab(repository, "play", "--checkpoint", str(run), *options)
    assert out.read_bytes().startswith(b"\x89PNG")


def test_a_mistake_is_one_line(repository: Path, tmp_path: Path):
    told = isaaclab(
        repository, "train", "--out", str(tmp_path / "run"), "--motions", "builtin:wave", "task.rest=0", code=2
    )
    assert [line for line in told.splitlines() if "athena: error: " in line and "task.rest" in line]
    assert "Traceback" not in told


def test_isaac_labs_own_command_trains(tmp_path: Path):
    """rsl_rl's own runner, with a change to the task by a key of ours."""
    command = [str(Path(sys.executable).with_name("isaaclab")), "train", "--rl_library", "rsl_rl"]
    command += ["--task", "Athena-Tracking-G1-v0", "--num_envs", "2", "--max_iterations", "2", "--device", "cpu"]
    changes = ["agent.device=cpu", "agent.num_steps_per_env=4", "env.task.reset.scale=0.5"]
    changes += ["env.task.observations=compact", 'env.motions=["builtin:wave"]']
    done = subprocess.run(
        [*command, *changes], capture_output=True, text=True, cwd=tmp_path, env=os.environ | {"OMP_NUM_THREADS": "1"}
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (run,) = (tmp_path / "logs" / "rsl_rl" / "athena_tracking_g1").iterdir()
    recorded = (run / "params" / "env.yaml").read_text()
    assert "task.reset.scale: 0.5" in recorded and "task.observations: compact" in recorded
    contents = torch.load(run / "model_1.pt", weights_only=False)
    assert set(contents["athena"]) == {"sampler", "gravity_curriculum", "termination_scale"}
    assert contents["iterations"] == 2


def test_a_whole_pipeline(repository: Path, tmp_path: Path):
    """Mining, an expert, routing, a student of both, fine-tuning, evaluation and report, a process each."""
    policies = json.loads(json.dumps(CONFIG["policies"]))
    config = write_config(tmp_path, policies=policies, evaluation__sets=["full"])
    out = tmp_path / "out"
    isaaclab(
        repository, "pipeline", "--config", str(config), "--out", str(out), "--num_envs", "2", "--jobs", "2", *SHARED
    )
    manifest = json.loads((out / "manifest.json").read_text())
    assert {entry["status"] for entry in manifest["stages"].values()} == {"done"}
    assert manifest["config"]["num_envs"] == 2
    routed = json.loads((out / "routing.json").read_text())["routes"]
    assert set(routed) == {"elbow", "knee"} and set(routed.values()) <= {"general", "dynamic"}
    assert yaml.safe_load((out / "student" / "config.yaml").read_text())["ppo"]["algorithm"] == "distillation"
    assert (out / "evaluation" / "finetune" / "full" / "metrics.json").is_file()
    assert (out / "report.html").is_file()
