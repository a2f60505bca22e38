"""The schema of ``configs/pipeline/*.yaml``: which policies are trained from what, and how they are judged."""

from __future__ import annotations

import dataclasses
import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from athena_wbc.errors import AthenaError, suggest
from athena_wbc.layers import Layer, compose, file_layers, override_layers
from athena_wbc.motion.builtin import BUILTIN
from athena_wbc.pipeline.mining import select_residual
from athena_wbc.pipeline.routing import TIES

FULL, RESIDUAL = "full", "residual"
"""What a policy may be trained on: the corpus, or the part of it that mining found."""
DYNAMIC, BALANCE, HELDOUT = "dynamic", "balance", "heldout"
SETS = (FULL, RESIDUAL, DYNAMIC, BALANCE, HELDOUT)
"""What a policy may be evaluated on."""

RESERVED = ("mine", "route", "manifests", "evaluate", "evaluation", "pictures", "report", "logs", "replaced")
"""Names of stages and folders, which no policy can have."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


@dataclass
class PolicyConfig:
    """One training."""

    recipe: str = ""
    """Name in ``configs/recipe``, or a YAML file."""
    iterations: int = 300
    """Iterations of the training."""
    motions: str = FULL
    """``full``: the corpus; ``residual``: the clips that mining found."""
    init_from: str | None = None
    """Policy whose networks it starts with; null starts from scratch."""
    teachers: list[str] = field(default_factory=list)
    """Of a distillation: policies that label its states, the general teacher first. Several of them are routed."""
    num_envs: int | None = None
    """Parallel environments, where they are not the pipeline's."""
    overrides: list[str] = field(default_factory=list)
    """``key=value`` changes to the recipe, after those of the pipeline."""


@dataclass
class JudgingConfig:
    """How policies are rolled out and judged."""

    protocol: str = "athena"
    """Name in ``configs/evaluation``, or a YAML file."""
    rollouts: int | None = None
    """Rollouts of every clip; null: the protocol's in an evaluation, 10 in mining and routing."""
    randomisation: str | None = None
    """Preset of ``configs/randomisation`` instead of the protocol's, or ``none``."""
    num_envs: int | None = None
    """Most environments at a time; null: the protocol's."""
    seed_offset: int = 0
    """Added to the pipeline's seed, so that no policy is judged on the draws that it was trained or chosen with."""


@dataclass
class MiningConfig(JudgingConfig):
    """Which clips are residual (eq. 7, 8)."""

    teacher: str = "general"
    """The policy whose failures are mined."""
    rho: float = 0.8
    """A clip that succeeds less often is residual."""
    sample: bool = False
    """Draw actions from the policy's distribution instead of taking its mean."""
    early_s: float = 1.0
    """A first failure until then is an early fall, s."""
    seed_offset: int = 2000


@dataclass
class RoutingConfig(JudgingConfig):
    """Which teacher labels which clip (eq. 14, 15)."""

    tie: str = "first"
    """Who gets a clip among equals: ``first`` or ``critical_scale``."""
    without: list[str] = field(default_factory=list)
    """Teachers that are left out, for ablation."""
    seed_offset: int = 3000


@dataclass
class EvaluatingConfig(JudgingConfig):
    """How every policy is evaluated."""

    sets: list[str] = field(default_factory=lambda: list(SETS))
    """Of ``full``, ``residual``, ``dynamic``, ``balance``, ``heldout``. A set without a clip is skipped."""
    seed_offset: int = 1000


@dataclass
class ManifestsConfig:
    """The diagnostic sets ``dynamic`` and ``balance`` (``athena motions manifest``)."""

    config: str = "default"
    """Name in ``configs/manifest``, or a YAML file."""
    size: int | None = None
    """Clips of each set at most; null: as the file says."""
    overrides: list[str] = field(default_factory=list)
    """``key=value`` changes to that configuration."""


@dataclass
class PipelineConfig:
    """Everything that decides a pipeline, apart from the files that it names and the machine."""

    robot: str = "g1"
    """Name of a registered robot, or the path of a ``robot.yaml``."""
    seeds: list[int] = field(default_factory=lambda: [0])
    """One: the pipeline lies in ``--out``. Several: each lies in ``--out/seed_<k>``, with a report over all."""
    motions: list[str] = field(default_factory=lambda: ["builtin"])
    """The corpus, as motion specifications."""
    heldout: list[str] = field(default_factory=list)
    """Motions that nothing is trained on; may be empty."""
    motions_root: str | None = None
    """Folder that relative paths in ``motions`` and ``heldout`` start at; null: where the command is run."""
    num_envs: int = 512
    """Parallel environments of a training."""
    overrides: list[str] = field(default_factory=list)
    """``key=value`` changes to the recipe of every training."""
    policies: dict[str, PolicyConfig] = field(default_factory=dict)
    """What is trained, by name."""
    mining: MiningConfig = field(default_factory=MiningConfig)
    routing: RoutingConfig = field(default_factory=RoutingConfig)
    evaluation: EvaluatingConfig = field(default_factory=EvaluatingConfig)
    manifests: ManifestsConfig = field(default_factory=ManifestsConfig)
    compare: list[list[str]] = field(default_factory=list)
    """Pairs of policies whose difference the report shows, first minus second."""
    pictures: str | None = None
    """Policy of which some clips are drawn; null draws none."""

    @property
    def is_mined(self) -> bool:
        """Whether any policy is trained on the residual set."""
        return any(policy.motions == RESIDUAL for policy in self.policies.values())

    @property
    def bank(self) -> list[str]:
        """Teachers of the students that have several, the general one first; empty without such a student."""
        return next((list(policy.teachers) for policy in self.policies.values() if len(policy.teachers) > 1), [])

    @property
    def has_manifests(self) -> bool:
        """Whether the diagnostic sets are evaluated."""
        return DYNAMIC in self.evaluation.sets or BALANCE in self.evaluation.sets


def load_pipeline(
    name: str | None,
    overrides: Sequence[str] = (),
    given: Mapping[str, Any] | None = None,
    recorded: tuple[str, Mapping[str, Any]] | None = None,
) -> PipelineConfig:
    """Compose a pipeline's configuration.

    Args:
        name: in ``configs/pipeline``, or a YAML file of one's own; None for the recorded one.
        overrides: ``key=value`` strings; they win over all else.
        given: keys -> values of the command's own options.
        recorded: where an earlier configuration was read from, and its values; used where ``name`` is None.

    Raises:
        AthenaError: an unknown key (with the nearest known one), a value that no pipeline can have, a policy that
            is not there; names the file and the key.
    """
    if name is not None:
        layers = file_layers("pipeline", name)
    elif recorded is not None:
        layers = [Layer(*recorded)]
    else:
        raise AthenaError("--config: names no pipeline; give demo, or a YAML file of your own")
    source = layers[-1].source
    if given:
        layers = [*layers, Layer("option", dict(given))]
    config = compose(PipelineConfig, [*layers, *override_layers(overrides)])
    check_pipeline_config(config, source)
    return _anchored(config)


def check_pipeline_config(config: PipelineConfig, source: str) -> None:
    """Refuse what no pipeline can be run with; the error names the file and the key."""
    if not config.policies:
        raise AthenaError(f"{source}: policies: has none; name at least one with its recipe")
    if not config.seeds or len(set(config.seeds)) < len(config.seeds) or min(config.seeds) < 0:
        raise AthenaError(f"{source}: seeds: {config.seeds}: give one or more different numbers, 0 or more")
    if not config.motions:
        raise AthenaError(f"{source}: motions: names none; give motions=[builtin] or files of your own")
    _at_least(source, "num_envs", config.num_envs)
    for name, policy in config.policies.items():
        _check_policy(config, name, policy, source)
    _check_routing(config, source)
    if config.is_mined:
        _known(source, "mining.teacher", config.mining.teacher, config.policies)
        try:
            select_residual([], config.mining.rho)
        except AthenaError as error:
            raise AthenaError(f"{source}: mining.rho: {error}") from error
        if not 0.0 < config.mining.early_s < math.inf:
            raise AthenaError(f"{source}: mining.early_s: must be a positive number of seconds")
    for key in ("mining", "routing", "evaluation"):
        judging: JudgingConfig = getattr(config, key)
        for count in ("rollouts", "num_envs"):
            if getattr(judging, count) is not None:
                _at_least(source, f"{key}.{count}", getattr(judging, count))
    for name in config.evaluation.sets:
        _known(source, "evaluation.sets", name, SETS, "set")
    if not config.evaluation.sets:
        raise AthenaError(f"{source}: evaluation.sets: names none; give evaluation.sets=[full]")
    for pair in config.compare:
        if len(pair) != 2:
            raise AthenaError(f"{source}: compare: {pair}: each entry is a pair of policies, [first, second]")
        for name in pair:
            _known(source, "compare", name, config.policies)
    if config.pictures is not None:
        _known(source, "pictures", config.pictures, config.policies)
        if FULL not in config.evaluation.sets:
            raise AthenaError(f"{source}: pictures: are chosen on the set 'full'; add it to evaluation.sets")


def _check_policy(config: PipelineConfig, name: str, policy: PolicyConfig, source: str) -> None:
    key = f"policies.{name}"
    if not _NAME.fullmatch(name) or name in RESERVED or name.startswith("seed_"):
        raise AthenaError(
            f"{source}: {key}: is no name for a policy; take letters, digits, '_' and '-', and none of "
            f"{', '.join(RESERVED)}, seed_..."
        )
    if not policy.recipe:
        raise AthenaError(f"{source}: {key}.recipe: is not given; name a recipe (athena recipes list)")
    _at_least(source, f"{key}.iterations", policy.iterations)
    if policy.num_envs is not None:
        _at_least(source, f"{key}.num_envs", policy.num_envs)
    _known(source, f"{key}.motions", policy.motions, (FULL, RESIDUAL), "set")
    if policy.init_from is not None:
        _known(source, f"{key}.init_from", policy.init_from, config.policies)
    for teacher in policy.teachers:
        _known(source, f"{key}.teachers", teacher, config.policies)
    if len(set(policy.teachers)) < len(policy.teachers):
        raise AthenaError(f"{source}: {key}.teachers: a policy is named twice; name each once")


def _check_routing(config: PipelineConfig, source: str) -> None:
    for name, policy in config.policies.items():
        if len(policy.teachers) > 1 and list(policy.teachers) != config.bank:
            raise AthenaError(
                f"{source}: policies.{name}.teachers: one routing serves all students, and another one is routed among "
                f"{', '.join(config.bank)}; give both the same teachers in the same order, or one teacher alone"
            )
    for name in config.routing.without:
        _known(source, "routing.without", name, config.bank)
    if config.bank and set(config.bank) == set(config.routing.without):
        raise AthenaError(f"{source}: routing.without: leaves no teacher; take one out of the list")
    _known(source, "routing.tie", config.routing.tie, TIES, "rule")


def _known(source: str, key: str, name: str, known: Sequence[str] | Mapping[str, Any], what: str = "policy") -> None:
    if name not in known:
        raise AthenaError(f"{source}: {key}: {what} {suggest(name, known)}")


def _at_least(source: str, key: str, value: int) -> None:
    if value < 1:
        raise AthenaError(f"{source}: {key}: must be 1 or more, is {value}")


def _anchored(config: PipelineConfig) -> PipelineConfig:
    """The same with absolute paths of the user's own configuration files: the stages run in the pipeline's folder."""

    def own(name: str) -> str:
        return os.path.abspath(os.path.expanduser(name)) if name.endswith((".yaml", ".yml")) else name

    config.robot, config.manifests.config = own(config.robot), own(config.manifests.config)
    for judging in (config.mining, config.routing, config.evaluation):
        judging.protocol = own(judging.protocol)
    for policy in config.policies.values():
        policy.recipe = own(policy.recipe)
    # On record it has to say where the motions are, wherever it is read again.
    config.motions_root = str(Path(config.motions_root or ".").expanduser().absolute())
    return config


def motion_specs(config: PipelineConfig, specs: Sequence[str]) -> list[str]:
    """Motion specifications with ``motions_root`` before their relative paths; built-in clips stay."""
    return rooted_specs(config.motions_root, specs)


def rooted_specs(root: str | None, specs: Sequence[str]) -> list[str]:
    """Motion specifications with a folder before their relative paths; built-in clips stay."""

    def rooted(part: str) -> str:
        is_builtin = part.partition(":")[0] == "builtin" or part in BUILTIN
        return part if is_builtin or part.startswith("~") else os.path.join(root or ".", part)

    return [
        # A comma may also be part of a file's name.
        rooted(spec) if os.path.exists(rooted(spec)) else ",".join(rooted(part.strip()) for part in spec.split(","))
        for spec in specs
    ]


def to_dict(config: PipelineConfig) -> dict[str, Any]:
    """The configuration as nested plain containers."""
    return dataclasses.asdict(config)
