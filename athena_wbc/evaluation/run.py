"""Evaluate a checkpoint on motions under a named protocol: what ``athena evaluate`` does."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from tensordict import TensorDict
from torch import Tensor

from athena_wbc.config import PRESETS, Config, config_from_dict, load_config
from athena_wbc.embodiment import get_embodiment
from athena_wbc.evaluation.config import EvaluationConfig, check_evaluation_config
from athena_wbc.evaluation.errors import ERRORS
from athena_wbc.evaluation.report import MEAN, SAMPLE, Subject, write_report
from athena_wbc.evaluation.results import Results
from athena_wbc.evaluation.rollout import Policy, choose_num_envs, plan_waves, roll_out
from athena_wbc.evaluation.score import Scorer, Trajectory
from athena_wbc.evaluation.table import print_report
from athena_wbc.files import atomic_write, sha256_file
from athena_wbc.layers import Layer, compose, override_layers
from athena_wbc.learning.checkpoint import latest_checkpoint, load_checkpoint, load_policy
from athena_wbc.motion.library import MotionLibrary
from athena_wbc.motion.opening import open_library
from athena_wbc.sim.registry import chosen, make_env
from athena_wbc.task.config import ObservationGroup, RandomisationConfig

if TYPE_CHECKING:
    from athena_wbc.sim.env import TrackingEnv

ZERO = "zero"
"""In the place of a checkpoint: a policy whose action is always zero. With residual actions the joint targets
are then the reference itself, so what a trained policy does better is what its training was worth."""

ZERO_RECIPE = "general"
NO_RANDOMISATION = "none"

_RANDOMISATION_SEED = 1_000_003
"""Offset of the randomisation's seed: equal seeds would tie the dynamics to the observation noise."""

_WIDE = 160
"""Columns of the table in a file or a pipe, where there is no terminal to ask."""


def run_evaluation(
    checkpoint: str | os.PathLike[str],
    motions: str | Sequence[str] | None,
    protocol: str,
    out: str | os.PathLike[str],
    rollouts: int | None = None,
    num_envs: int | None = None,
    seed: int = 0,
    randomisation: str | None = None,
    overrides: Sequence[str] = (),
    device: str = "cpu",
    series: bool = False,
    console: Console | None = None,
) -> dict[str, Any]:
    """Roll out every clip, write the report into ``out``, print it, and return what ``metrics.json`` holds.

    Args:
        checkpoint: a checkpoint, a run's folder (its newest one), or ``zero``.
        motions: motion specification; the built-in clips where None.
        protocol: name in ``configs/evaluation``, or a YAML file of one's own.
        out: folder of the report.
        rollouts: of every clip, instead of the protocol's.
        num_envs: most environments at a time, instead of the protocol's.
        seed: of the randomisation and the noise.
        randomisation: preset instead of the protocol's; ``none`` for the nominal robot.
        overrides: ``key=value`` strings on the checkpoint's configuration; they win over all else.
        device: of policy and task.
        series: whether to write ``series.npz`` too: the errors of every rollout over time.
        console: where to print; standard output by default.

    Raises:
        AthenaError: anything in the arguments that cannot be evaluated.
    """
    console = console or Console(highlight=False, width=None if sys.stdout.isatty() else _WIDE)
    specs = ["builtin"] if motions is None else [motions] if isinstance(motions, str) else list(motions)
    path = checkpoint_file(checkpoint)
    config = evaluation_config(path, protocol, rollouts, num_envs, randomisation, overrides)
    library = evaluation_library(specs, config, device)
    errors_over_time: dict[str, np.ndarray] | None = {} if series else None
    results, subject = evaluate_checkpoint(path, config, library, specs, seed, console=console, series=errors_over_time)
    summary = write_report(out, results, config.evaluation, subject)
    if errors_over_time is not None:
        buffer = io.BytesIO()
        np.savez_compressed(buffer, errors=np.array(ERRORS), **errors_over_time)
        atomic_write(Path(out) / "series.npz", buffer.getvalue())
    print_report(results, summary, str(out), console)
    return summary


def evaluation_library(motions: Sequence[str], config: Config, device: str = "cpu") -> MotionLibrary:
    """The clips that ``motions`` names, for the configuration's robot at its control step."""
    embodiment = get_embodiment(config.robot)
    budgets = config.task.memory_budget_gb, config.task.corpus_budget_gb
    return open_library(motions, embodiment, config.sim.control_dt, device, *budgets)


def evaluate_checkpoint(
    checkpoint: Path | None,
    config: Config,
    library: MotionLibrary,
    motions: Sequence[str],
    seed: int,
    sample: bool = False,
    console: Console | None = None,
    series: dict[str, np.ndarray] | None = None,
) -> tuple[Results, Subject]:
    """Roll out every clip of a library with one policy, and say what was evaluated.

    The randomisation's draws are a function of the seed, the protocol and the library alone: policies that observe
    different things meet the same robots and the same pushes.

    Args:
        checkpoint: a file; None for the policy whose action is zero.
        config: from :func:`evaluation_config`.
        library: on the device of policy and task.
        motions: the specification that the library was read from, for the record.
        seed: of the randomisation, the noise and the sampled actions.
        sample: draw actions from the policy's distribution instead of taking its mean.
        console, series: as in :func:`evaluate_policy`.
    """
    embodiment, device = library.embodiment, library.device
    count = choose_num_envs(library, config.evaluation, len(embodiment.key_bodies), embodiment.num_joints)
    env = make_env(config, library, count, device, seed, groups=tuple(config.ppo.obs_groups["actor"]))
    try:
        env.task.randomisation.reseed(seed + _RANDOMISATION_SEED)
        policy = zero_policy(env) if checkpoint is None else load_policy(checkpoint, env, device)
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            torch.manual_seed(seed)
            results = evaluate_policy(env, policy.sample if sample else policy, config.evaluation, console, series)
    finally:
        env.close()
    subject = Subject(
        checkpoint_hash=ZERO if checkpoint is None else sha256_file(checkpoint),
        corpus_hash=library.hash,
        robot=embodiment.name,
        robot_hash=embodiment.hash,
        motions=tuple(motions),
        seed=seed,
        num_envs=count,
        randomisation=_ranges(config.task.randomisation),
        actor=SAMPLE if sample else MEAN,
        **chosen().facts(),
    )
    return results, subject


@dataclass
class _Protocol:
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)


def evaluation_config(
    checkpoint: Path | None,
    protocol: str,
    rollouts: int | None = None,
    num_envs: int | None = None,
    randomisation: str | None = None,
    overrides: Sequence[str] = (),
) -> Config:
    """The configuration that a checkpoint is evaluated with: its own, changed as the protocol says.

    Args:
        checkpoint: None for the recipe of the zero policy.
        protocol, rollouts, num_envs, randomisation, overrides: as in :func:`run_evaluation`.
    """
    given: dict[str, Any] = {"evaluation": protocol}
    if rollouts is not None:
        given["evaluation.rollouts"] = rollouts
    if num_envs is not None:
        given["evaluation.num_envs"] = num_envs
    # Which preset the dynamics get is itself in the protocol, so that part is put together first.
    layers = [Layer("option", {"evaluation": protocol})]
    if randomisation is not None:
        given["evaluation.randomisation"] = None if randomisation == NO_RANDOMISATION else randomisation
        layers.append(Layer("option", {"evaluation": {"randomisation": given["evaluation.randomisation"]}}))
    layers += override_layers([override for override in overrides if override.startswith("evaluation.")])
    preset = compose(_Protocol, layers, {"evaluation": PRESETS["evaluation"]}).evaluation.randomisation
    given["task.randomisation"] = preset or NO_RANDOMISATION
    if checkpoint is None:
        config = load_config(ZERO_RECIPE, overrides, given)
    else:
        config = config_from_dict(load_checkpoint(checkpoint)["config"], str(checkpoint), overrides, given)
    check_evaluation_config(config.evaluation)
    if not config.evaluation.observation_noise:
        for group in _actor_groups(config):
            group.noise = False
    if config.evaluation.randomisation == NO_RANDOMISATION:
        config.evaluation.randomisation = None
    asked = rollouts is not None or any(override.startswith("evaluation.rollouts=") for override in overrides)
    if not asked and not is_random(config):
        # Equal rollouts tell nothing new.
        config.evaluation.rollouts = 1
    return config


def is_random(config: Config) -> bool:
    """Whether two rollouts of a clip can differ: by the dynamics, or by noise that the actor sees."""
    noisy = any(group.noise and any(term.noise > 0.0 for term in group.terms) for group in _actor_groups(config))
    return noisy or config.task.randomisation != RandomisationConfig()


def evaluate_policy(
    env: TrackingEnv,
    policy: Policy,
    config: EvaluationConfig,
    console: Console | None = None,
    series: dict[str, np.ndarray] | None = None,
) -> Results:
    """Roll out and score every clip of an environment's library.

    Args:
        env: made with the protocol's randomisation; left with ``auto_reset`` off.
        policy: called in every control step.
        config: the protocol.
        console: shows progress where it is a terminal; nothing by default.
        series: takes the errors over time, ``<clip>/<rollout>`` -> (T, E), if given.
    """
    library = env.library
    scorer = Scorer(config, library, env.embodiment)
    results = Results(
        names=library.names,
        labels=library.labels,
        durations=library.durations.cpu().numpy(),
        control_dt=library.control_dt,
        edges=scorer.edges.numpy(),
        rollouts=config.rollouts,
    )

    def finished(trajectory: Trajectory) -> None:
        results.add(scorer(trajectory))
        if series is not None:
            series[f"{library.names[trajectory.clip]}/{trajectory.rollout}"] = trajectory.errors.numpy()

    waves = plan_waves(library.num_steps, config.rollouts, env.num_envs)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    # Without a terminal a bar is noise in the log.
    hidden = console is None or not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=hidden) as progress:
        bar = progress.add_task("rolling out", total=sum(wave[0].last_step for wave in waves))
        roll_out(env, policy, config, finished, lambda: progress.advance(bar))
    return results


def zero_policy(env: TrackingEnv) -> Policy:
    """The policy whose action is always zero."""
    actions = torch.zeros(env.num_envs, env.num_actions, device=env.device)

    def policy(observations: TensorDict) -> Tensor:
        return actions

    return policy


def checkpoint_file(checkpoint: str | os.PathLike[str]) -> Path | None:
    """The file that is meant: of a run's folder its newest whole checkpoint; None for ``zero``."""
    if str(checkpoint) == ZERO:
        return None
    path = Path(checkpoint)
    return latest_checkpoint(path) if path.is_dir() else path


def _ranges(randomisation: RandomisationConfig) -> dict[str, Any]:
    """What is randomised and how far; empty for the nominal robot."""
    if randomisation == RandomisationConfig():
        return {}
    return {key: value for key, value in asdict(randomisation).items() if value}


def _actor_groups(config: Config) -> list[ObservationGroup]:
    names = config.ppo.obs_groups["actor"]
    return [getattr(config.task.observations, name) for name in names if hasattr(config.task.observations, name)]
