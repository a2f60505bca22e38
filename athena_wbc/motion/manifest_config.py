"""The schema of `configs/manifest/*.yaml`: what makes a clip dynamic or balance-critical, and how many are taken."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from athena_wbc.errors import AthenaError, suggest
from athena_wbc.layers import compose, file_layers, override_layers
from athena_wbc.motion.clip import LABELS
from athena_wbc.motion.features import FEATURES

SEMANTIC = "semantic"
"""The term of a score that is 1 for a clip whose words or label recalled it, and 0 for one that its motion did."""

LOW = "low_"
"""Before a feature's name: one minus its normalised value."""

TERMS = (SEMANTIC, *FEATURES, *(f"{LOW}{name}" for name in FEATURES))
"""What a score may weigh."""


@dataclass
class Rule:
    """Bounds on features, all of which hold for a clip that fits. Heights are in units of the robot's default root
    height, so that a rule fits robots of every size; everything else is in SI units."""

    at_least: dict[str, float] = field(default_factory=dict)
    at_most: dict[str, float] = field(default_factory=dict)


@dataclass
class Bucket:
    """One kind of motion within a manifest."""

    quota: float = 0.0
    """Share of the manifest's size that this bucket may fill before the others' leftovers are shared out."""
    keywords: list[str] = field(default_factory=list)
    """Lower-case words or phrases without digits and signs; one that ends in * also stands for longer words."""
    labels: list[str] = field(default_factory=list)
    """Labels of clips (locomotion, dynamic, balance) that count as a keyword."""
    rules: list[Rule] = field(default_factory=list)
    """A clip that fits one of them belongs here; see `Selection.rules_recall`."""


@dataclass
class Selection:
    """One manifest."""

    buckets: dict[str, Bucket] = field(default_factory=dict)
    """By name, the first one filled first."""
    weights: dict[str, float] = field(default_factory=dict)
    """Term of TERMS -> weight, 0 or more; a clip's score is the weighted mean of its terms, each in 0 to 1."""
    rules_recall: bool = False
    """Whether a rule alone brings a clip into the manifest's candidates. Otherwise rules only sort those that
    keywords or labels have recalled."""
    barred_by: list[str] = field(default_factory=list)
    """Buckets of the other manifest; a clip whose words or label put it there is no candidate here."""


@dataclass
class ManifestConfig:
    """How the diagnostic manifests are made from a corpus (App. A.4)."""

    size: int = 1000
    """Clips of each manifest at most."""
    least: int = 1
    """Fewer clips than this in one of the manifests are an error."""
    min_duration: float = 2.0
    """s; shorter clips are left out."""
    family_limit: int = 8
    """Clips of one family in a manifest at most; every family gives its best clip before any gives a second."""
    percentiles: list[float] = field(default_factory=lambda: [5.0, 95.0])
    """Percentiles over the candidates that become 0 and 1 of a normalised feature; beyond them it is clipped."""
    family_words: list[str] = field(default_factory=list)
    """Words of a name that do not tell families apart: counters, mirrored copies, stages of processing."""
    ignored_phrases: list[str] = field(default_factory=list)
    """Phrases taken out of the text before keywords are looked for."""
    dynamic: Selection = field(default_factory=Selection)
    balance: Selection = field(default_factory=Selection)


def load_manifest_config(name: str = "default", overrides: Sequence[str] = ()) -> ManifestConfig:
    """Read `configs/manifest/<name>.yaml`, or a file of one's own, with `key=value` changes.

    Raises:
        AthenaError: an unknown file, key, term or feature (with the nearest known one), a value out of range.
    """
    layers = [*file_layers("manifest", name), *override_layers(overrides)]
    config = compose(ManifestConfig, layers)
    check_manifest_config(config)
    return config


def check_manifest_config(config: ManifestConfig, source: str = "manifest") -> None:
    """Refuse values that no manifest can be made with; the error names the key."""
    for name in ("size", "least", "family_limit"):
        if getattr(config, name) < 1:
            raise AthenaError(f"{source}: {name}: must be 1 or more, is {getattr(config, name)}")
    if config.least > config.size:
        raise AthenaError(f"{source}: least: is {config.least}, more than size ({config.size}); lower it")
    if not 0.0 <= config.min_duration < math.inf:
        raise AthenaError(f"{source}: min_duration: must be 0 s or more, is {config.min_duration}")
    bounds = config.percentiles
    if len(bounds) != 2 or not 0.0 <= bounds[0] < bounds[1] <= 100.0:
        raise AthenaError(f"{source}: percentiles: must be two ascending numbers from 0 to 100, is {list(bounds)}")
    for name in ("family_words", "ignored_phrases"):
        _check_words(getattr(config, name), f"{source}: {name}")
    for name, selection, other in (
        ("dynamic", config.dynamic, config.balance),
        ("balance", config.balance, config.dynamic),
    ):
        _check_selection(selection, other, f"{source}: {name}")


def _check_selection(selection: Selection, other: Selection, where: str) -> None:
    if not selection.buckets:
        raise AthenaError(f"{where}.buckets: has none; name at least one, or start from the default file")
    for name, bucket in selection.buckets.items():
        if not 0.0 <= bucket.quota < math.inf:
            raise AthenaError(f"{where}.buckets.{name}.quota: must be 0 or more, is {bucket.quota}")
        if not (bucket.keywords or bucket.labels or bucket.rules):
            raise AthenaError(
                f"{where}.buckets.{name}: no clip fits it; give it keywords, labels or rules, or correct its name"
            )
        _check_words(bucket.keywords, f"{where}.buckets.{name}.keywords")
        for label in bucket.labels:
            if label not in LABELS:
                raise AthenaError(f"{where}.buckets.{name}.labels: {suggest(label, LABELS)}")
        for rule in bucket.rules:
            for feature in (*rule.at_least, *rule.at_most):
                if feature not in FEATURES:
                    raise AthenaError(f"{where}.buckets.{name}.rules: feature {suggest(feature, FEATURES)}")
    if not sum(bucket.quota for bucket in selection.buckets.values()) > 0.0:
        raise AthenaError(f"{where}.buckets: no quota is above zero; give one of them a share")
    for term, weight in selection.weights.items():
        if term not in TERMS:
            raise AthenaError(f"{where}.weights: {suggest(term, TERMS)}")
        if not 0.0 <= weight < math.inf:
            raise AthenaError(f"{where}.weights.{term}: must be 0 or more, is {weight}")
    if not sum(selection.weights.values()) > 0.0:
        raise AthenaError(f"{where}.weights: no weight is above zero; nothing would rank the clips")
    for bucket in selection.barred_by:
        if bucket not in other.buckets:
            raise AthenaError(f"{where}.barred_by: bucket {suggest(bucket, other.buckets)}")


def _check_words(entries: Sequence[str], where: str) -> None:
    """Names and texts are compared as lower-case letters: anything else would never be found."""
    for entry in entries:
        if entry != entry.lower() or not re.fullmatch(r"[^\W\d_]+( [^\W\d_]+)*\*?", entry):
            raise AthenaError(f"{where}: '{entry}': must be lower-case words, with single spaces, * at the end at most")
