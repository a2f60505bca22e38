"""What the files behind a pipeline's configuration say: recipes, protocols, presets; read once, before any training."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from athena_wbc.config import Config, load_config, to_dict
from athena_wbc.embodiment import get_embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.evaluation.run import evaluation_config
from athena_wbc.learning.checkpoint import action_interface
from athena_wbc.learning.config import required_groups
from athena_wbc.learning.effect import without_effect
from athena_wbc.learning.initialise import check_networks, taken_networks
from athena_wbc.learning.train import check_training
from athena_wbc.motion.manifest_config import ManifestConfig, load_manifest_config
from athena_wbc.pipeline.config import JudgingConfig, PipelineConfig, PolicyConfig
from athena_wbc.task.observations import group_terms

JUDGING = ("mining", "routing", "evaluation")
"""Parts of the configuration that say how policies are judged."""


@dataclass(frozen=True)
class Resolved:
    """Everything that the configuration names by file, with its values. No seed is in it."""

    trainings: dict[str, Config]
    """Policy -> the configuration that it is trained with."""
    judging: dict[str, dict[str, Any]]
    """Of :data:`JUDGING`: the protocol and the ranges of the randomisation."""
    manifests: ManifestConfig
    """How the diagnostic sets are chosen; here, unlike in ``athena motions manifest``, they may be empty."""

    def with_effect(self, policy: str) -> dict[str, Any]:
        """The part of a training's configuration that results depend on."""
        return effective(self.trainings[policy])


def effective(config: Config) -> dict[str, Any]:
    """The part of a training's configuration that results depend on, as plain values."""
    values = copy.deepcopy(to_dict(config))
    for key in without_effect(config.ppo):
        *parents, last = key.split(".")
        node = values
        for parent in parents:
            node = node[parent]
        node.pop(last, None)
    return values


def resolve(config: PipelineConfig, source: str) -> Resolved:
    """Read every file that a checked configuration names.

    Args:
        source: where the configuration came from, for messages.

    Raises:
        AthenaError: a recipe, protocol, preset, robot or key that is not there; a policy without what its recipe
            needs; policies that cannot learn from each other.
    """
    trainings = {name: _training(config, name, policy, source) for name, policy in config.policies.items()}
    for name, policy in config.policies.items():
        sources = [(policy.init_from, _check_start)] if policy.init_from is not None else []
        for other, check in [*sources, *((teacher, _check_teacher) for teacher in policy.teachers)]:
            pair = source, name, trainings[name], other, trainings[other]
            _check_same_interface(*pair)
            check(*pair)
    used = {"mining": config.is_mined, "routing": bool(config.bank), "evaluation": True}
    judging: dict[str, dict[str, Any]] = {}
    read: dict[tuple[Any, ...], dict[str, Any]] = {}
    for key in JUDGING:
        part: JudgingConfig = getattr(config, key)
        asked = part.protocol, part.rollouts, part.num_envs, part.randomisation
        if used[key] and asked not in read:
            read[asked] = resolve_judging(part, f"{source}: {key}")
        if used[key]:
            judging[key] = read[asked]
    size = [] if config.manifests.size is None else [f"size={config.manifests.size}"]
    manifests = load_manifest_config(config.manifests.config, [*size, *config.manifests.overrides])
    manifests.least = 0
    return Resolved(trainings, judging, manifests)


def _training(config: PipelineConfig, name: str, policy: PolicyConfig, source: str) -> Config:
    where = f"{source}: policies.{name}"
    try:
        resolved = load_config(
            policy.recipe, (*config.overrides, *policy.overrides), {"seed": 0, "robot": config.robot}
        )
        get_embodiment(resolved.robot)
        check_training(resolved)
    except AthenaError as error:
        raise AthenaError(f"{where}: {error}") from error
    ppo = resolved.ppo
    if ppo.init.required and policy.init_from is None:
        raise AthenaError(f"{where}.init_from: the recipe '{policy.recipe}' starts from a policy; name it here")
    if ppo.algorithm == "distillation" and not policy.teachers:
        raise AthenaError(f"{where}.teachers: the recipe '{policy.recipe}' needs some; name them here")
    if ppo.algorithm != "distillation" and policy.teachers:
        raise AthenaError(
            f"{where}.teachers: the recipe '{policy.recipe}' learns without teachers; take recipe: student"
        )
    if ppo.distillation.single_teacher and len(policy.teachers) > 1:
        raise AthenaError(f"{where}.teachers: the recipe '{policy.recipe}' has one teacher; take recipe: student")
    return resolved


def _check_same_interface(source: str, name: str, this: Config, other: str, that: Config) -> None:
    """The check of the checkpoints themselves would come only when the first of them is trained."""
    robot, taught = get_embodiment(this.robot), get_embodiment(that.robot)
    facts = {"robot": (robot.name, taught.name), "the robot's files": (robot.hash, taught.hash)}
    mine, theirs = action_interface(this), action_interface(that)
    for key in mine:
        place = "sim.dt * sim.decimation" if key == "control_dt" else f"task.action.{key}"
        facts[place] = mine[key], theirs[key]
    for key, (own, others) in facts.items():
        if own != others:
            raise AthenaError(
                f"{source}: policies.{name}: {key}: is {own}, but '{other}', which it learns from, has {others}; "
                "give both the same"
            )


def _check_start(source: str, name: str, this: Config, other: str, that: Config) -> None:
    """Likewise of the networks that a policy starts from: their shapes and what they read."""
    check_networks(that.ppo, this.ppo, f"{source}: policies.{name}.init_from: '{other}'")
    groups = [group for network in taken_networks(this.ppo) for group in this.ppo.obs_groups[network]]
    _check_same_terms(source, name, this, other, that, groups)


def _check_teacher(source: str, name: str, this: Config, other: str, that: Config) -> None:
    """Likewise of a teacher: it reads in its student's task what it was trained with, and may have any shape."""
    groups = that.ppo.obs_groups["actor"]
    given = required_groups(this.ppo)
    for group in groups:
        if group not in given:
            raise AthenaError(
                f"{source}: policies.{name}: ppo.obs_groups.teacher: lacks '{group}', which the teacher '{other}' "
                "reads; add it"
            )
    _check_same_terms(source, name, this, other, that, groups)


def _check_same_terms(source: str, name: str, this: Config, other: str, that: Config, groups: Iterable[str]) -> None:
    """Compare what an observation vector is made of. Noise may differ: it is no part of what a network is made for."""
    for group in dict.fromkeys(groups):
        mine, theirs = (_terms(config, group) for config in (this, that))
        for index, (own, others) in enumerate(zip_longest(mine, theirs, fillvalue="nothing"), start=1):
            if own != others:
                raise AthenaError(
                    f"{source}: policies.{name}: task.observations.{group}: term {index} is {own}, but '{other}', "
                    f"which it learns from, has {others}; give both the same"
                )


def _terms(config: Config, group: str) -> list[str]:
    """Terms of an observation group; none of a group that there is not, which the environment says."""
    found = getattr(config.task.observations, group, None)
    return [] if found is None else group_terms(found)


def resolve_judging(judging: JudgingConfig, where: str) -> dict[str, Any]:
    """What a protocol and its presets say; an error begins with `where`."""
    try:
        resolved = evaluation_config(None, judging.protocol, judging.rollouts, judging.num_envs, judging.randomisation)
    except AthenaError as error:
        raise AthenaError(f"{where}: {error}") from error
    return {
        "resolved": dataclasses.asdict(resolved.evaluation),
        "ranges": dataclasses.asdict(resolved.task.randomisation),
    }
