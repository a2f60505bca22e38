"""Checkpoints: what a run needs to go on exactly, and what a policy needs to act.

A checkpoint is one file of tensors and plain containers, so that reading one never runs foreign code. Keys:

======================  ========================================================================================
``version``             of this format
``library``             version of athena_wbc that wrote it
``iteration``           iterations done
``progress``            share of the training that was done, by which curricula go
``robot``               name and hash of the embodiment
``schema``              observation group -> list of [term, size]
``action``              mode, scale, lead, clip and control step of the actions
``config``              the resolved configuration
``run``                 recipe, task, motions with their hash, number of environments, seed, overrides
``algorithm``           networks, normalisers, optimiser, learning rate
``environment``         state of the environment: simulation, task, sampler, its generators
``rng``                 state of the process's generators
``observations``        that the next action is taken on
``other_processes``     environment, rng and observations of the processes 1, 2, ... of a distributed run
======================  ========================================================================================
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import re
import sys
import warnings
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from omegaconf import OmegaConf
from rsl_rl.env import VecEnv
from tensordict import TensorDict

from athena_wbc.errors import AthenaError
from athena_wbc.files import atomic_path, atomic_write
from athena_wbc.learning.config import PPOConfig
from athena_wbc.learning.models import FlatMLP, build_actor, example_observations, matmul_precision

VERSION = 1
FOLDER = "checkpoints"
BEST = "best.pt"

_NEEDED = ("version", "iteration", "robot", "schema", "action", "config", "algorithm")
_NAME = re.compile(r"model_(\d+)\.pt")
_ARRAY = "__ndarray__"
_log = logging.getLogger(__name__)

Schema = Mapping[str, Sequence[Sequence]]


def save_checkpoint(path: str | os.PathLike[str], contents: Mapping[str, Any]) -> None:
    """Write a checkpoint in one step: after a full disk or a kill, an older file of this name is still whole.

    Raises:
        AthenaError: the file cannot be written.
        TypeError: ``contents`` holds something that is no tensor, array or plain container; names its place.
    """
    stream = io.BytesIO()
    torch.save(_encode(contents, "checkpoint"), stream)
    atomic_write(path, stream.getvalue())


def load_checkpoint(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a checkpoint, all tensors on the CPU; ``path`` may also be a run's folder: its newest whole one.

    Raises:
        AthenaError: no such file, a damaged one, one with anything in it but tensors and plain containers, or
            one of another format version.
    """
    path = Path(path)
    if path.is_dir():
        return load_latest(path)[1]
    if not path.is_file():
        raise AthenaError(f"{path}: no such checkpoint; name a file model_<iteration>.pt or a run's folder")
    try:
        contents = _read(path)
    except Exception as error:  # torch raises RuntimeError, UnpicklingError, EOFError, KeyError, ... by the damage
        reason = str(error).strip().splitlines()[0][:120] if str(error).strip() else type(error).__name__
        raise AthenaError(
            f"{path}: damaged, or no checkpoint of athena ({reason}); take another checkpoint of the run"
        ) from error
    missing = [key for key in _NEEDED if key not in contents] if isinstance(contents, dict) else list(_NEEDED)
    if missing:
        raise AthenaError(f"{path}: no checkpoint of athena: it lacks {', '.join(missing)}; name another file")
    if contents["version"] != VERSION:
        raise AthenaError(
            f"{path}: has format version {contents['version']}, this athena reads {VERSION}; "
            f"use athena_wbc {contents.get('library', '?')} or train again"
        )
    return _decode(contents)


def _read(path: Path) -> Any:
    # torch does not compare the checksums that it writes; a flipped bit in a weight would go unseen.
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            broken = archive.testzip()
        if broken is not None:
            raise ValueError(f"checksum of {broken}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the pickle protocol of files that are none of ours
        return torch.load(path, map_location="cpu", weights_only=True)


def checkpoints(run_dir: str | os.PathLike[str]) -> list[Path]:
    """Return the checkpoints ``model_<iteration>.pt`` of a run, oldest first."""
    folder = Path(run_dir)
    folder = folder / FOLDER if (folder / FOLDER).is_dir() else folder
    found = [(int(match[1]), path) for path in folder.glob("model_*.pt") if (match := _NAME.fullmatch(path.name))]
    return [path for _, path in sorted(found)]


def load_latest(run_dir: str | os.PathLike[str]) -> tuple[Path, dict[str, Any]]:
    """Return path and contents of a run's newest whole checkpoint; damaged newer ones are told and passed over.

    Raises:
        AthenaError: the run has no checkpoint, or none is whole.
    """
    found = checkpoints(run_dir)
    for path in reversed(found):
        try:
            return path, load_checkpoint(path)
        except AthenaError as error:
            _log.warning("%s; going back to the checkpoint before it", error)
    if found:
        raise AthenaError(f"{run_dir}: none of its {len(found)} checkpoints can be read; train again")
    raise AthenaError(f"{run_dir}: holds no checkpoint; name a run's folder or train with --out {run_dir}")


def latest_checkpoint(run_dir: str | os.PathLike[str]) -> Path:
    """Return the path of a run's newest whole checkpoint; errors as in :func:`load_latest`."""
    return load_latest(run_dir)[0]


def prune_checkpoints(run_dir: str | os.PathLike[str], keep: int) -> None:
    """Delete all but the ``keep`` newest checkpoints of a run; ``best.pt`` is not touched."""
    for path in checkpoints(run_dir)[:-keep]:
        path.unlink(missing_ok=True)


def mark_best(path: Path) -> None:
    """Keep the checkpoint ``path`` as ``best.pt`` beside it, without a second copy where the disk allows it."""
    best = path.with_name(BEST)
    if best.exists() and best.samefile(path):
        return
    with atomic_path(best) as temporary:
        temporary.unlink()
        try:
            os.link(path, temporary)
        except OSError:
            temporary.write_bytes(path.read_bytes())


def action_interface(config: Any) -> dict[str, Any]:
    """Return what an action means under a :class:`~athena_wbc.config.Config`: two policies must agree in it."""
    action = config.task.action
    return {
        "mode": action.mode,
        "scale": float(action.scale),
        "lead_steps": int(action.lead_steps),
        "clip": float(action.clip),
        "control_dt": float(config.sim.control_dt),
    }


def plain_schema(schema: Schema) -> dict[str, list[list]]:
    """Return an observation schema as plain lists: group -> [[term, size], ...]."""
    return {group: [[str(term), int(size)] for term, size in terms] for group, terms in schema.items()}


def check_compatible(
    contents: Mapping[str, Any], env: VecEnv, source: str, groups: Iterable[str] | None = None
) -> None:
    """Refuse a checkpoint that was made for another robot, other actions or other observations than ``env``'s.

    Args:
        contents: the checkpoint.
        env: an environment with ``embodiment``, ``cfg`` and ``task.observation_schema()``.
        source: path of the checkpoint, for the message.
        groups: observation groups that have to agree; all of the checkpoint's by default.

    Raises:
        AthenaError: one line with the first difference.
    """
    robot, saved = env.embodiment, contents["robot"]
    if saved["name"] != robot.name:
        raise AthenaError(
            f"{source}: was trained on the robot '{saved['name']}', this is '{robot.name}'; "
            f"use robot={saved['name']} or another checkpoint"
        )
    if saved["hash"] != robot.hash:
        raise AthenaError(
            f"{source}: the robot '{robot.name}' has changed since (hash {saved['hash']}, now {robot.hash}); "
            "use the robot's files of that time, or train again"
        )
    for key, now in action_interface(env.cfg).items():
        then = contents["action"][key]
        if then != now:
            place = "sim.dt * sim.decimation" if key == "control_dt" else f"task.action.{key}"
            raise AthenaError(f"{source}: {place}: was trained with {then}, this is {now}; set the same or train again")
    present = plain_schema(env.task.observation_schema())
    for group in groups if groups is not None else contents["schema"]:
        _check_group(source, group, contents["schema"][group], present.get(group))


def _check_group(source: str, group: str, then: Sequence[Sequence], now: Sequence[Sequence] | None) -> None:
    if now is None:
        raise AthenaError(
            f"{source}: reads the observation group '{group}', which this task does not give; "
            "use the configuration that it was trained with"
        )
    for index in range(max(len(then), len(now))):
        old = f"{then[index][0]} ({then[index][1]})" if index < len(then) else "nothing"
        new = f"{now[index][0]} ({now[index][1]})" if index < len(now) else "nothing"
        if old != new:
            raise AthenaError(
                f"{source}: task.observations.{group}: term {index + 1} was {old}, this task has {new}; "
                "use the observations that it was trained with"
            )


class Policy:
    """A trained actor with frozen weights and a frozen normaliser: observations -> action means.

    Attributes:
        groups: observation groups that it reads.
        iteration: training iterations behind it.
        contents: the checkpoint without the state of environment and optimiser.
    """

    def __init__(self, actor: FlatMLP, contents: Mapping[str, Any], precision: str = "highest") -> None:
        self.actor = actor.eval().requires_grad_(False)
        self.groups = tuple(actor.obs_groups)
        self.iteration = int(contents["iteration"])
        heavy = ("algorithm", "environment", "rng", "observations", "other_processes")
        self.contents = {key: value for key, value in contents.items() if key not in heavy}
        self._precision = precision

    @torch.no_grad()
    def __call__(self, observations: TensorDict) -> torch.Tensor:
        """Return the action means (N, A) for the observation groups (N, .)."""
        with matmul_precision(self._precision):
            return self.actor.mean(self.actor.inputs(observations))

    @torch.no_grad()
    def sample(self, observations: TensorDict) -> torch.Tensor:
        """Draw actions (N, A) with the noise that the policy was trained with."""
        with matmul_precision(self._precision):
            return self.actor(observations, stochastic_output=True)


def load_policy(path: str | os.PathLike[str], env: VecEnv, device: str | torch.device | None = None) -> Policy:
    """Read the actor of a checkpoint (or of a run's newest one) to act in ``env``.

    Only the observation groups that the actor reads have to agree with the environment's.

    Raises:
        AthenaError: see :func:`load_checkpoint` and :func:`check_compatible`.
    """
    return build_policy(load_checkpoint(path), env, str(path), device)


def build_policy(
    contents: Mapping[str, Any], env: VecEnv, source: str, device: str | torch.device | None = None
) -> Policy:
    """Build the actor of a checkpoint that was read from ``source``; the rest is as in :func:`load_policy`."""
    config = ppo_config(contents, source)
    check_compatible(contents, env, source, config.obs_groups["actor"])
    observations = example_observations(contents["schema"])
    actor = build_actor(observations, config, env.num_actions, str(device or env.device))
    try:
        actor.load_state_dict(contents["algorithm"]["actor_state_dict"])
    except (KeyError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise AthenaError(f"{source}: its actor does not fit its configuration ({reason}); train again") from error
    return Policy(actor, contents, config.matmul_precision)


def ppo_config(contents: Mapping[str, Any], source: str) -> PPOConfig:
    """Return the learning configuration that a checkpoint was trained with."""
    try:
        merged = OmegaConf.merge(OmegaConf.structured(PPOConfig), contents["config"]["ppo"])
        return OmegaConf.to_object(merged)
    except Exception as error:
        reason = str(error).strip().splitlines()[0]
        raise AthenaError(f"{source}: its configuration cannot be read ({reason}); train again") from error


def _encode(value: Any, place: str) -> Any:
    """Return ``value`` with arrays as marked tensors; what reading would refuse is an error already here."""
    if isinstance(value, str):
        # Pickle writes one object once and equal ones twice. A resumed run holds other objects than one that never
        # stopped; with one object for each text, both write the same bytes.
        return sys.intern(str(value))
    if value is None or isinstance(value, (bool, int, float)):
        return value.item() if isinstance(value, np.generic) else value
    if isinstance(value, torch.Tensor):
        # A view would take the whole of its base along.
        return value.detach().clone() if value._is_view() or value.requires_grad else value
    if isinstance(value, np.ndarray):
        return {_ARRAY: torch.from_numpy(np.ascontiguousarray(value).copy()), "shape": list(value.shape)}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return {_encode(key, place): _encode(entry, f"{place}.{key}") for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_encode(entry, f"{place}[{index}]") for index, entry in enumerate(value))
    raise TypeError(f"{place}: {type(value).__name__} is neither a tensor nor a plain container")


def _decode(value: Any) -> Any:
    if isinstance(value, dict):
        if _ARRAY in value:
            return value[_ARRAY].numpy().reshape(value["shape"])
        return {key: _decode(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_decode(entry) for entry in value)
    return value


def remove_partial_files(run_dir: str | os.PathLike[str]) -> None:
    """Delete temporary files that a kill in the middle of a write has left."""
    for path in (Path(run_dir) / FOLDER).glob(".*.tmp"):
        with contextlib.suppress(OSError):
            path.unlink()
