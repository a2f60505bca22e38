"""Write a policy out for a robot's computer: what ``athena export`` does."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from athena_wbc.config import Config, config_from_dict
from athena_wbc.deployment import contract as contracts
from athena_wbc.deployment import example as examples
from athena_wbc.deployment.network import FORMATS, Deterministic, load_network, parse_formats
from athena_wbc.embodiment import get_embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.files import atomic_folder, sha256_file
from athena_wbc.learning.checkpoint import build_policy, load_checkpoint, load_latest
from athena_wbc.learning.models import FlatMLP
from athena_wbc.motion.corpus import load_clips
from athena_wbc.motion.library import MotionLibrary
from athena_wbc.sim.registry import make_env

DEFAULT_MOTIONS = ("builtin:walk",)
TOLERANCE = 1e-5
"""Most that an exported network's actions may differ from the policy's, absolute up to 1 and relative above."""


@dataclass(frozen=True)
class Exported:
    """What was written."""

    folder: Path
    contract: Mapping[str, Any]
    clip: str
    steps: int
    """Control steps of the example."""
    differences: Mapping[str, float]
    """Format -> largest difference of its actions from the policy's on the example."""


def run_export(
    checkpoint: str | os.PathLike[str],
    out: str | os.PathLike[str],
    formats: str = ",".join(FORMATS),
    motions: Sequence[str] | None = None,
    privileged: bool = False,
) -> Exported:
    """Export the actor of a checkpoint into a folder of its own.

    Args:
        checkpoint: a checkpoint, or a run's folder: its newest one.
        out: the folder; a new or empty one, or that of an earlier export, which goes.
        formats: names of :data:`~athena_wbc.deployment.network.FORMATS`, with commas.
        motions: specification; its first clip is the example's.
        privileged: export an actor that reads what no robot measures, too.

    Raises:
        AthenaError: anything in the arguments that cannot be exported; nothing is left behind then.
    """
    names, out = parse_formats(formats), Path(out)
    check_output(out)
    path, contents = load_latest(checkpoint) if Path(checkpoint).is_dir() else (Path(checkpoint), None)
    contents = contents or load_checkpoint(path)
    config = config_from_dict(contents["config"], str(path))
    if not privileged:
        _refuse_privileged(config, str(path))
    actor, recorded, contract = _roll_out(contents, config, path, motions or DEFAULT_MOTIONS)
    with atomic_folder(out) as folder:
        _write(folder, names, actor, contract, recorded)
        contract = contracts.read_contract(folder)
        differences = {name: difference(folder, contract, name, recorded) for name in names}
    clip, steps = str(recorded["clip"]), len(recorded["time"])
    return Exported(out, contract, clip, steps, differences)


def difference(folder: Path, contract: Mapping[str, Any], name: str, recorded: Mapping[str, np.ndarray]) -> float:
    """Largest difference between the recorded actions and those of an exported network, batched and one by one.

    Raises:
        AthenaError: it is larger than :data:`TOLERANCE` allows.
    """
    network = load_network(folder, contract, name)
    inputs, actions = recorded["observations"], recorded["actions"]
    scale = np.maximum(1.0, np.abs(actions))
    errors = np.abs(np.stack((network(inputs), np.concatenate([network(row[None]) for row in inputs]))) - actions)
    if not (errors <= TOLERANCE * scale).all():
        raise AthenaError(
            f"{FORMATS[name].file}: its actions differ from the policy's by {errors.max():.3g}, which is too much to "
            f"run it; take another --format, or a network that {name} can express"
        )
    return float(errors.max())


def check_output(out: Path) -> None:
    """Refuse a folder that holds anything but an earlier export."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    if not out.is_dir():
        raise AthenaError(f"{out}: is a file; name a folder with --out")
    ours = {contracts.FILE, examples.FILE, *(format.file for format in FORMATS.values())}
    others = sorted(entry.name for entry in out.iterdir() if entry.name not in ours)
    if others or not (out / contracts.FILE).is_file():
        held = others[0] if others else "no " + contracts.FILE
        raise AthenaError(f"{out}: exists and is no earlier export (it holds {held}); choose another folder with --out")


def _refuse_privileged(config: Config, source: str) -> None:
    terms = contracts.privileged_terms(config)
    if terms:
        raise AthenaError(
            f"{source}: its actor reads what no robot measures ({', '.join(terms)}); export a policy of a recipe that "
            f"can be deployed ({', '.join(contracts.deployable_recipes())}), or this one for simulation with "
            "--privileged"
        )


def _roll_out(
    contents: Mapping[str, Any], config: Config, path: Path, motions: Sequence[str]
) -> tuple[FlatMLP, dict[str, np.ndarray], dict[str, Any]]:
    """Act without noise or randomisation; return the actor, what it did, and the contract."""
    nominal = config_from_dict(contents["config"], str(path), given={"task.randomisation": "none"})
    for _, group in contracts.actor_groups(nominal):
        group.noise = False
    embodiment = get_embodiment(config.robot)
    clips = load_clips(list(motions), embodiment)[:1]
    library = MotionLibrary(clips, embodiment, config.sim.control_dt)
    env = make_env(nominal, library, 1, "cpu", 0, tuple(config.ppo.obs_groups["actor"]))
    try:
        actor = build_policy(contents, env, str(path)).actor
        recorded = examples.record_example(env, actor)
        return actor, recorded, contracts.make_contract(contents, config, env.task, path)
    finally:
        env.close()


def _write(
    folder: Path,
    names: Sequence[str],
    actor: FlatMLP,
    contract: Mapping[str, Any],
    recorded: Mapping[str, np.ndarray],
) -> None:
    network = Deterministic(actor)
    for name in names:
        try:
            FORMATS[name].write(network, folder / FORMATS[name].file, contract)
        except OSError:
            raise
        except Exception as error:  # the exporters raise errors of many kinds by what a network of one's own does
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise AthenaError(
                f"--format: {name} cannot express the network {type(actor).__name__} ({reason}); take another format"
            ) from error
    np.savez_compressed(folder / examples.FILE, **recorded)
    hashes = {entry.name: sha256_file(entry) for entry in sorted(folder.iterdir())}
    (folder / contracts.FILE).write_text(contracts.to_json({**contract, "files": hashes}), encoding="utf-8")
