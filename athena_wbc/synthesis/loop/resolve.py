"""What the files behind a loop's configuration say: recipes, protocols, a pipeline; read once, before any work."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from athena_wbc.config import load_config
from athena_wbc.embodiment import get_embodiment
from athena_wbc.errors import AthenaError, suggest
from athena_wbc.pipeline.config import PipelineConfig, load_pipeline
from athena_wbc.pipeline.resolve import effective, resolve_judging
from athena_wbc.pipeline.resolve import resolve as resolve_pipeline
from athena_wbc.synthesis.config import SynthesisConfig, generator_options, scheduler_options
from athena_wbc.synthesis.language.config import ADVISER, ASKING, CassetteConfig, placed
from athena_wbc.synthesis.protocols import Generator
from athena_wbc.synthesis.refine.config import refine_config

LANGUAGE_FOLDER = Path("language")
"""Where a run keeps what it asked language models, and what that cost, from the run's folder."""


@dataclass(frozen=True)
class Resolved:
    """Everything that the configuration names by file, with its values. No seed is in it."""

    training: dict[str, Any]
    """What a loop's training depends on."""
    fixed: dict[str, Any]
    """What the fixed tracker's training depends on; empty where it is given."""
    judging: dict[str, Any]
    """The protocol and the ranges of the randomisation."""
    pipeline_policies: dict[str, int] = field(default_factory=dict)
    """Of the pipeline that trains, policy -> iterations, in its order."""
    policy: str = ""
    """The one of them that is the loop's tracker."""


def resolve_loop(config: SynthesisConfig, source: str) -> Resolved:
    """Read every file that a checked configuration names.

    Args:
        source: where the configuration came from, for messages.

    Raises:
        AthenaError: a recipe, protocol, pipeline or key that is not there.
    """
    get_embodiment(config.robot)
    fixed = {} if config.fixed.checkpoint is not None else _training(config, "fixed", source)
    judging = resolve_judging(config.evaluation, f"{source}: evaluation")
    if config.training.pipeline is None:
        return Resolved(_training(config, "training", source), fixed, judging)
    where = f"{source}: training.pipeline"
    try:
        pipeline = loop_pipeline(config, ["builtin"])
        resolved = resolve_pipeline(pipeline, config.training.pipeline)
    except AthenaError as error:
        raise AthenaError(f"{where}: {error}") from error
    policies = {name: policy.iterations for name, policy in pipeline.policies.items()}
    policy = config.training.policy or list(policies)[-1]
    if policy not in policies:
        raise AthenaError(f"{source}: training.policy: {suggest(policy, policies)}")
    training = {name: resolved.with_effect(name) for name in policies}
    training["policies"] = {name: dataclasses.asdict(policy) for name, policy in pipeline.policies.items()}
    return Resolved(training, fixed, judging, policies, policy)


def loop_pipeline(config: SynthesisConfig, motions: list[str]) -> PipelineConfig:
    """The pipeline that trains on a loop's motions; what it holds out itself is left out."""
    return load_pipeline(config.training.pipeline, pipeline_overrides(config, motions))


def pipeline_overrides(config: SynthesisConfig, motions: list[str]) -> list[str]:
    """What a loop changes of the pipeline's configuration."""
    own = [f"motions={json.dumps(motions)}", "heldout=[]", f"robot={config.robot}"]
    own.append(f"num_envs={config.training.num_envs}")
    return own + ([f"overrides={json.dumps(config.training.overrides)}"] if config.training.overrides else [])


def check_parts(config: SynthesisConfig, source: str, folder: Path) -> None:
    """Make generator, judge, scheduler and adviser once, before any work: what is wrong with them is known by then.

    Args:
        source: where the configuration came from, for messages.
        folder: of the run, absolute; recordings of language models lie there where the options name no others.

    Raises:
        AthenaError: a part that there is not or that takes other options, a file that is not there, or a missing key
            or package.
    """
    from athena_wbc.synthesis.judges.registry import make_judge
    from athena_wbc.synthesis.schedulers.registry import make_scheduler

    judge, scheduler, home = config.judge, config.scheduler, folder / LANGUAGE_FOLDER
    generator_sources(config, source)
    make_judge(judge.name, placed(judge.name, judge.options, home), f"{source}: judge")
    options = placed(scheduler.name, scheduler_options(config), home)
    make_scheduler(scheduler.name, options, f"{source}: scheduler", scheduler.ablation)
    if config.refine.on:
        where = f"{source}: refine.options"
        if adviser := refine_config(config.refine.options, where).adviser:
            from athena_wbc.synthesis.refine.adviser import make_adviser

            make_adviser(placed(ADVISER, adviser, home), f"{where}.adviser")


def generator_of(config: SynthesisConfig, source: str) -> Generator:
    """The generator of a run; errors as of :func:`check_parts`."""
    from athena_wbc.synthesis.generators.registry import make_generator

    return make_generator(config.generator.name, generator_options(config), f"{source}: generator")


def generator_sources(config: SynthesisConfig, source: str) -> tuple[Path, ...]:
    """Files and folders that the generator of a run reads, all of which are there; errors as of :func:`check_parts`."""
    from athena_wbc.synthesis.generators.sources import check_sources, generator_files

    generator = generator_of(config, source)
    try:
        files = generator_files(generator)
        check_sources(files)
    except AthenaError as error:
        raise AthenaError(f"{source}: generator: {error}") from None
    return files


def replayed_recordings(config: SynthesisConfig, folder: Path) -> dict[str, Path]:
    """Recordings of language models that the parts of a checked run answer from: part of the run -> file.

    One that another part still writes to is left out: it belongs to the run, and grows with whatever that part asks.

    Args:
        folder: of the run, absolute.

    Returns:
        For ``judge``, ``scheduler`` and `ADVISER`, those that replay.
    """
    judge, scheduler = config.judge, config.scheduler
    parts = {"judge": (judge.name, judge.options), "scheduler": (scheduler.name, scheduler.options)}
    if config.refine.on and config.refine.options.get("adviser"):
        parts[ADVISER] = (ADVISER, config.refine.options["adviser"])
    home = folder / LANGUAGE_FOLDER
    tapes = {
        part: {"mode": CassetteConfig.mode} | placed(name, options, home)["cassette"]
        for part, (name, options) in parts.items()
        if name in ASKING
    }
    written = {tape["path"] for tape in tapes.values() if tape["mode"] in ("record", "live")}
    replayed = {part: tape["path"] for part, tape in tapes.items() if tape["mode"] == "replay"}
    return {part: Path(path) for part, path in replayed.items() if path not in written}


def _training(config: SynthesisConfig, key: str, source: str) -> dict[str, Any]:
    part = getattr(config, key)
    try:
        resolved = load_config(part.recipe, part.overrides, {"seed": 0, "robot": config.robot})
    except AthenaError as error:
        raise AthenaError(f"{source}: {key}: {error}") from error
    ppo = resolved.ppo
    if ppo.algorithm == "distillation":
        raise AthenaError(
            f"{source}: {key}.recipe: '{part.recipe}' learns from teachers; take general, or training.pipeline"
        )
    if ppo.init.required and (key == "fixed" or config.training.init_from is None):
        raise AthenaError(
            f"{source}: {key}.recipe: '{part.recipe}' starts from a policy; take general, or give training.init_from"
        )
    return effective(resolved)
