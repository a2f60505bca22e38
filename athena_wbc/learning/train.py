"""Training from the outside: what ``athena train`` and the pipeline call."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from rich.console import Console

from athena_wbc.config import Config, config_from_dict, load_config, save_config, to_dict
from athena_wbc.embodiment import get_embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.learning.checkpoint import checkpoints, load_checkpoint, load_latest, remove_partial_files
from athena_wbc.learning.config import required_groups, validate
from athena_wbc.learning.effect import is_free_on_resume
from athena_wbc.learning.initialise import initialise
from athena_wbc.learning.processes import join_processes
from athena_wbc.learning.rng import seed_everything
from athena_wbc.learning.runner import TrainingResult, TrainingRunner
from athena_wbc.learning.teachers import (
    RoutedTeachers,
    TeacherBank,
    check_names,
    check_routed_clips,
    describe,
    keep_teachers,
    kept_teachers,
    read_routes,
    read_teachers,
    route_indices,
)
from athena_wbc.motion.library import MotionLibrary
from athena_wbc.motion.opening import open_library
from athena_wbc.sim.registry import make_env

if TYPE_CHECKING:
    from athena_wbc.sim.env import TrackingEnv

DEFAULT_RECIPE = "general"
DEFAULT_MOTIONS = ("builtin",)
DEFAULT_NUM_ENVS = 512

_log = logging.getLogger(__name__)


def run_training(
    out: str | Path,
    max_iterations: int,
    *,
    max_seconds: float | None = None,
    recipe: str | None = None,
    motions: str | Sequence[str] | None = None,
    num_envs: int | None = None,
    seed: int | None = None,
    robot: str | None = None,
    task: str | None = None,
    device: str = "cpu",
    resume: bool = False,
    init_from: str | Path | None = None,
    teachers: Mapping[str, str | Path] | None = None,
    routing: str | Path | None = None,
    overrides: Sequence[str] = (),
    console: Console | None = None,
    quiet: bool = False,
) -> TrainingResult:
    """Train a policy on motions, or go on with a run, on the simulator in use.

    Args:
        out: folder of the run.
        max_iterations: iterations in all, those before a resume included.
        max_seconds: training ends with the first iteration that ends after this time.
        recipe, motions, num_envs, seed, robot: of a new run, ``None`` for the defaults (``general``,
            ``builtin``, 512, the recipe's, the recipe's). On resume ``None`` takes what the run was started
            with, and a value has to agree with it.
        task: task id, for the record.
        device: of networks and task.
        resume: go on from the newest whole checkpoint in ``out``; start anew where there is none yet.
        init_from: checkpoint or run that a new run takes its networks from; see ``ppo.init``.
        teachers: of a new distillation, name -> checkpoint or run.
        routing: file of its routing table; without one, a single teacher labels every motion.
            On resume ``init_from``, ``teachers`` and ``routing`` have to agree with the run too, where given.
            Where it names the clips that it was made for, they have to be the run's.
        overrides: ``key=value`` strings. On resume they may change only what
            :func:`~athena_wbc.learning.effect.is_free_on_resume` says.
        console: where progress goes. quiet: show none.

    Raises:
        AthenaError: anything that the user can put right; names file, option or key.
    """
    out = Path(out)
    given = {
        "recipe": recipe,
        "motions": [motions] if isinstance(motions, str) else motions,
        "num_envs": num_envs,
        "seed": seed,
        "robot": robot,
        "init_from": None if init_from is None else str(init_from),
    }
    processes, device = join_processes(device)
    torch.set_num_threads(1)
    run = _settle(out, given, overrides, task, resume, teachers, routing, processes.is_main)
    library, env = _open(run, routing, device, processes.rank)
    try:
        runner = TrainingRunner(
            env,
            run.config.ppo,
            out,
            {"config": to_dict(run.config), "run": run.record},
            device=device,
            processes=processes,
            console=console,
            quiet=quiet,
            teachers=None if run.taught is None else _routed(run.taught, run.record, library, env, device),
        )
        if run.start is not None:
            initialise(runner.algorithm, run.start, run.config.ppo, env, str(init_from))
        if processes.is_main:
            # Not before all has been read and compared: a mistake leaves no folder behind.
            _prepare_folder(out, run.config)
            if run.contents is None and run.taught is not None:
                keep_teachers(out, run.taught)
        if run.contents is not None and not runner.resume(run.contents, run.source) and processes.is_main:
            _log.warning("%s: its simulation cannot go on here exactly; episodes restart", run.source)
        return runner.learn(max_iterations, max_seconds)
    finally:
        env.close()


@dataclass(frozen=True)
class _Run:
    """What a run is made from, as far as it is known before a motion is read."""

    config: Config
    record: dict[str, Any]
    """What its checkpoints say of it beside the configuration."""
    contents: dict[str, Any] | None
    """Of the checkpoint that it goes on from; None for a new run."""
    source: str
    """Where that lies."""
    start: dict[str, Any] | None
    """Contents of the checkpoint that a new run takes its networks from."""
    taught: dict[str, tuple[str, dict[str, Any]]] | None
    """Teachers by name: where each came from, and what a frozen policy needs of it."""


def _settle(
    out: Path,
    given: Mapping[str, Any],
    overrides: Sequence[str],
    task: str | None,
    resume: bool,
    teachers: Mapping[str, str | Path] | None,
    routing: str | Path | None,
    is_main: bool,
) -> _Run:
    """Settle the record of a run, new or gone on with, and read the policies that it starts or learns from."""
    if resume and checkpoints(out):
        path, contents = load_latest(out)
        source = str(path)
        config, record = _continued(contents, given, overrides, source)
        check_training(config)
        taught = None
        if config.ppo.algorithm == "distillation" or teachers or routing:
            taught = _still_taught(out, record, teachers, routing, source)
        return _Run(config, record, contents, source, None, taught)
    if resume and is_main:
        _log.warning("%s: holds no checkpoint; training starts at iteration 0", out)
    elif not resume:
        refuse_existing(out)
    config, record = _fresh(given, overrides, task)
    check_training(config)
    init_from, start = given["init_from"], None
    if init_from is None and config.ppo.init.required:
        raise AthenaError(f"--init_from: the recipe '{record['recipe']}' starts from a policy; name its run here")
    if init_from is not None:
        start = load_checkpoint(init_from)
        record["init_from"] = describe({"": (init_from, start)})[""]
    return _Run(config, record, None, "", start, _taught(config, record, teachers, routing))


def _open(run: _Run, routing: str | Path | None, device: str, rank: int) -> tuple[MotionLibrary, TrackingEnv]:
    """Read a run's motions and make its environment; whatever is to fit the motions is compared with them."""
    record = run.record
    library = build_library(run.config, record["motions"], device)
    if run.contents is not None and record["motions_hash"] != library.hash:
        raise AthenaError(
            f"{', '.join(record['motions'])}: motions: differ from those that {run.source} was trained on; "
            "bring the same files, or start another run with --out"
        )
    if routing is not None:
        check_routed_clips(routing, library.hash)
    record["motions_hash"] = library.hash
    seed_everything(record["seed"] + rank)
    return library, build_env(run.config, library, record["num_envs"], device, record["seed"] + rank, training=True)


def check_training(config: Config) -> None:
    """Refuse a configuration that nothing could be trained with.

    Raises:
        AthenaError: see :func:`~athena_wbc.learning.config.validate`; a gravity curriculum where a student is taught or
            fine-tuned, which happens under the dynamics that it is deployed in.
    """
    validate(config.ppo)
    mode = config.task.gravity_curriculum.mode
    if mode != "none" and (config.ppo.algorithm == "distillation" or config.ppo.init.required):
        what = "distillation" if config.ppo.algorithm == "distillation" else "fine-tuning"
        raise AthenaError(f"task.gravity_curriculum.mode: '{mode}' is for teachers; a {what} is at 1 g, set it to none")


def build_library(config: Config, motions: Sequence[str], device: str) -> MotionLibrary:
    """Load ``motions`` for the configuration's robot at its control step."""
    embodiment = get_embodiment(config.robot)
    budgets = config.task.memory_budget_gb, config.task.corpus_budget_gb
    return open_library(motions, embodiment, config.sim.control_dt, device, *budgets)


def build_env(
    config: Config, library: MotionLibrary, num_envs: int, device: str, seed: int, training: bool = False
) -> TrackingEnv:
    """Make the environment with the observation groups that learning needs.

    ``training`` lets the curricula of the configuration act, and the resident part of a large corpus change.
    """
    groups = tuple(required_groups(config.ppo))
    return make_env(config, library, num_envs, device, seed, groups, training)


def refuse_existing(out: Path) -> None:
    """Refuse a folder that already holds a run, so that nothing is mixed or lost."""
    if out.exists() and not out.is_dir():
        raise AthenaError(f"{out}: is a file; name a folder with --out")
    if checkpoints(out):
        raise AthenaError(f"{out}: already holds a run; go on with --resume, or choose another --out")


def _taught(
    config: Config, record: dict[str, Any], teachers: Mapping[str, str | Path] | None, routing: str | Path | None
) -> dict[str, tuple[str, dict[str, Any]]] | None:
    """Read the teachers of a new distillation and note them in its record; ``None`` where there are none to be."""
    recipe = record["recipe"]
    if config.ppo.algorithm != "distillation":
        if teachers or routing:
            option = "--teacher" if teachers else "--routing"
            raise AthenaError(f"{option}: the recipe '{recipe}' learns without teachers; take --recipe student")
        return None
    if not teachers:
        raise AthenaError(f"--teacher: the recipe '{recipe}' needs one; use athena distill --teacher NAME=RUN")
    if config.ppo.distillation.single_teacher and (routing or len(teachers) > 1):
        option = "--routing" if routing else "--teacher"
        raise AthenaError(f"{option}: the recipe '{recipe}' has one teacher for all motions; take --recipe student")
    check_names(teachers)
    taught = read_teachers(teachers)
    record["teachers"] = describe(taught)
    record["routing"] = None if routing is None else str(routing)
    record["routes"] = None if routing is None else read_routes(routing)
    return taught


def _still_taught(
    out: Path,
    record: Mapping[str, Any],
    teachers: Mapping[str, str | Path] | None,
    routing: str | Path | None,
    source: str,
) -> dict[str, tuple[str, dict[str, Any]]]:
    """Read a distillation's own copies of its teachers; those that ``--resume`` was given have to agree."""
    then = record.get("teachers")
    if then is None:
        raise AthenaError(f"{source}: the run learns without teachers; leave --teacher and --routing out")
    if teachers:
        now = describe(read_teachers(teachers))
        if {name: entry["digest"] for name, entry in now.items()} != {n: entry["digest"] for n, entry in then.items()}:
            raise AthenaError(
                f"{source}: --teacher: the run was started with other teachers ({', '.join(then)}); leave the option "
                "out, or start another run with --out"
            )
    if routing is not None and read_routes(routing) != record["routes"]:
        raise AthenaError(
            f"{source}: --routing: the run was started with other routes than those of {routing}; leave the option "
            "out, or start another run with --out"
        )
    return kept_teachers(out, then)


def _routed(
    taught: Mapping[str, tuple[str, Mapping[str, Any]]],
    record: Mapping[str, Any],
    library: MotionLibrary,
    env: TrackingEnv,
    device: str,
) -> RoutedTeachers:
    source = record["routing"] or "--teacher"
    routes = route_indices(record["routes"], library.names, list(taught), source)
    return RoutedTeachers(TeacherBank.for_env(taught, env, device), routes.to(device), env)


def _fresh(given: Mapping[str, Any], overrides: Sequence[str], task: str | None) -> tuple[Config, dict[str, Any]]:
    """Return the configuration and record of a new run."""
    options = {key: given[key] for key in ("seed", "robot") if given[key] is not None}
    recipe = given["recipe"] or DEFAULT_RECIPE
    config = load_config(recipe, overrides, options)
    record = {
        "recipe": recipe,
        "motions": list(given["motions"] or DEFAULT_MOTIONS),
        "num_envs": given["num_envs"] or DEFAULT_NUM_ENVS,
        "seed": config.seed,
        "task": task,
        "init_from": None,
        "overrides": list(overrides),
    }
    return config, record


def _continued(
    contents: Mapping[str, Any], given: Mapping[str, Any], overrides: Sequence[str], source: str
) -> tuple[Config, dict[str, Any]]:
    """Return a run's own configuration and record, with such overrides as may change."""
    record = dict(contents["run"])
    started_from = (record.get("init_from") or {}).get("source")
    then = {**record, "robot": contents["config"]["robot"], "init_from": started_from}
    for key, now in given.items():
        # Motions may have moved: whether they are the same ones shows when they are read.
        if now is not None and key != "motions" and now != then[key]:
            raise AthenaError(
                f"{source}: {key}: the run was started with {_shown(then[key])}, --resume was given {_shown(now)}; "
                "leave the option out, or start another run with --out"
            )
    if given["motions"] is not None:
        record["motions"] = list(given["motions"])
    if given["init_from"] is not None:
        _check_start(record["init_from"], given["init_from"], source)
    config = config_from_dict(contents["config"], source, overrides)
    changed = changed_keys(contents["config"], to_dict(config))
    for key, (old, new) in changed.items():
        if not is_free_on_resume(key, config.ppo):
            raise AthenaError(
                f"{source}: {key}: the run was trained with {_shown(old)}, --resume was given {_shown(new)}; "
                "leave it out, or start another run with --out"
            )
    return config, record


def _check_start(then: Mapping[str, Any], init_from: str, source: str) -> None:
    """Refuse to go on from another policy than the run was started from, although it lies in the same place."""
    now = describe({"": (init_from, load_checkpoint(init_from))})[""]
    if now["digest"] != then["digest"]:
        raise AthenaError(
            f"{source}: init_from: the run was started from another policy than {init_from} is now (digest "
            f"{then['digest']}, now {now['digest']}); leave the option out, or start another run with --out"
        )


def changed_keys(then: Any, now: Any, prefix: str = "") -> dict[str, tuple[Any, Any]]:
    """Return dotted key -> (old, new) of everything that differs between two nested mappings."""
    if not (isinstance(then, Mapping) and isinstance(now, Mapping)):
        return {} if then == now else {prefix: (then, now)}
    found: dict[str, tuple[Any, Any]] = {}
    for key in [*then, *(key for key in now if key not in then)]:
        place = f"{prefix}.{key}" if prefix else str(key)
        found |= changed_keys(then.get(key), now.get(key), place)
    return found


def _shown(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def _prepare_folder(out: Path, config: Config) -> None:
    remove_partial_files(out)
    save_config(out / "config.yaml", config)
