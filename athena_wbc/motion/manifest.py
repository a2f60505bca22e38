"""Diagnostic manifests: the dynamic and the balance-critical clips of a corpus (Athena-WBC, App. A.4).

Words recall candidates and the motion ranks them: buckets by keyword from name, label, text and source; balance
candidates also by what the motion does; features normalised by percentiles over the candidates; a positive linear
score; quotas of buckets, and families that give their best clip before any gives a second. No clip is in both
manifests. The same clips and configuration give the same manifests, with a reason for every clip.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import PurePath

import numpy as np

from athena_wbc.embodiment import Embodiment
from athena_wbc.errors import AthenaError, suggest
from athena_wbc.motion.clip import MotionClip
from athena_wbc.motion.corpus import corpus_hash
from athena_wbc.motion.features import FEATURES, MotionFeatures, motion_features
from athena_wbc.motion.manifest_config import LOW, SEMANTIC, Bucket, ManifestConfig, Selection

MANIFESTS = ("dynamic", "balance")
_HEIGHTS = ("height_mean", "height_min", "height_range")


@dataclasses.dataclass(frozen=True)
class Candidacy:
    """How a clip stands with one manifest."""

    because: Mapping[str, str]
    """Bucket -> what put the clip there, in the buckets' order; empty where it is no candidate."""
    said: tuple[str, ...] = ()
    """Those of the buckets that a word or a label names."""
    barred: str = ""
    """Why it is no candidate although a bucket fits."""


@dataclasses.dataclass(frozen=True)
class Entry:
    """One clip of the corpus, with what was decided about it."""

    name: str
    family: str
    reason: str
    manifest: str = ""
    """`dynamic`, `balance`, or empty."""
    bucket: str = ""
    """The bucket whose quota it fills."""
    rank: int | None = None
    """Its place in the manifest by score, from 1."""
    buckets: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    """Manifest -> all buckets that the clip fits."""
    scores: Mapping[str, float] = dataclasses.field(default_factory=dict)
    """Manifest -> score in 0 to 1, of the candidates."""
    features: MotionFeatures | None = None
    """None where the clip was left out before anything was measured."""


@dataclasses.dataclass(frozen=True)
class Manifest:
    """Both selections of one corpus."""

    entries: tuple[Entry, ...]
    """Every clip, in the order of the corpus."""
    normalisation: Mapping[str, tuple[float, float]]
    """Feature -> the values that became 0 and 1."""

    def chosen(self, manifest: str) -> list[Entry]:
        """The clips of a manifest, the highest score first."""
        return sorted((entry for entry in self.entries if entry.manifest == manifest), key=lambda entry: entry.rank)

    def candidates(self, manifest: str) -> int:
        """How many clips could have been chosen."""
        return sum(manifest in entry.scores for entry in self.entries)


def make_manifest(
    clips: Sequence[MotionClip],
    embodiment: Embodiment,
    config: ManifestConfig,
    excluded: Collection[str] = (),
    progress: Callable[[Sequence[MotionClip]], Iterable[MotionClip]] = iter,
) -> Manifest:
    """Choose the dynamic and the balance clips of a corpus.

    Args:
        clips: with unique names, as `load_clips` gives them.
        excluded: names of clips that must not be chosen (held-out ones); copies of their motion under another name
            are left out too.
        progress: wraps the clips while their features are measured.

    Raises:
        AthenaError: an excluded name that is unknown, no clip left to choose from, fewer than `config.least` clips
            for one of the manifests.
    """
    dropped = left_out(clips, config, excluded)
    pool = [clip for clip in clips if clip.name not in dropped]
    if not pool:
        raise AthenaError(
            f"--motions: none of {len(clips)} clip(s) is left: excluded, doubled or shorter than min_duration "
            f"({config.min_duration:g} s); give more motions, or lower it with min_duration=SECONDS"
        )
    features = {clip.name: motion_features(clip, embodiment) for clip in progress(pool)}
    return choose(clips, dropped, features, embodiment.default_root_height, config)


def left_out(clips: Sequence[MotionClip], config: ManifestConfig, excluded: Collection[str]) -> dict[str, str]:
    """Clips that are no candidates for anything: name -> reason."""
    names = [clip.name for clip in clips]
    for name in excluded:
        if name not in names:
            raise AthenaError(f"--exclude: clip {suggest(name, names)}; correct the list, or give the motions it is of")
    hashes = {clip.name: corpus_hash([clip.replace(name="")]) for clip in clips}
    held_out = {hashes[name]: name for name in excluded}
    first: dict[str, str] = {}
    reasons: dict[str, str] = {}
    for clip in clips:
        original = hashes[clip.name]
        if clip.name in excluded:
            reasons[clip.name] = "excluded by the list"
        elif original in held_out:
            reasons[clip.name] = f"the same motion as '{held_out[original]}', which the list excludes"
        elif clip.duration < config.min_duration:
            reasons[clip.name] = f"lasts {clip.duration:.2f} s, less than {config.min_duration:g} s"
        elif first.setdefault(original, clip.name) != clip.name:
            reasons[clip.name] = f"the same motion as '{first[original]}'"
    return reasons


def choose(
    clips: Sequence[MotionClip],
    dropped: Mapping[str, str],
    features: Mapping[str, MotionFeatures],
    root_height: float,
    config: ManifestConfig,
) -> Manifest:
    """Recall, score and select, from measured features.

    Args:
        dropped: clips left out beforehand, with the reason.
        features: of all others, by name.
        root_height: of the robot's default pose, m; the unit of heights in rules.
    """
    pool = [clip for clip in clips if clip.name not in dropped]
    families = {clip.name: family(clip.name, config.family_words) for clip in clips}
    standing = {clip.name: recall(clip, features[clip.name], root_height, config) for clip in pool}
    scored = [clip.name for clip in pool if any(standing[clip.name][manifest].because for manifest in MANIFESTS)]
    normalised, bounds = normalise({name: features[name] for name in scored}, config.percentiles)
    scores: dict[str, dict[str, float]] = {}
    taken: dict[str, dict[str, str]] = {}
    for manifest in MANIFESTS:
        selection: Selection = getattr(config, manifest)
        candidates = {name: standing[name][manifest] for name in scored if standing[name][manifest].because}
        scores[manifest] = {
            name: score(normalised[name], bool(candidacy.said), selection.weights)
            for name, candidacy in candidates.items()
        }
        elsewhere = {name for others in taken.values() for name in others}
        taken[manifest] = select(
            {name: list(c.because) for name, c in candidates.items() if name not in elsewhere},
            scores[manifest],
            families,
            selection.buckets,
            config.size,
            config.family_limit,
        )
        if len(taken[manifest]) < config.least:
            raise AthenaError(
                f"{manifest}: {len(taken[manifest])} of {len(pool)} clip(s) qualify, {config.least} are needed; "
                f"give more motions, or add keywords ({manifest}.buckets.NAME.keywords=[...])"
            )
    ranks = {
        manifest: {name: rank for rank, name in enumerate(_ranked(chosen, scores[manifest]), start=1)}
        for manifest, chosen in taken.items()
    }
    entries = []
    for clip in clips:
        name = clip.name
        if name in dropped:
            entries.append(Entry(name, families[name], f"left out: {dropped[name]}"))
            continue
        manifest = next((manifest for manifest in MANIFESTS if name in taken[manifest]), "")
        entries.append(
            Entry(
                name,
                families[name],
                _reason(name, families, standing[name], taken, config),
                manifest=manifest,
                bucket=taken[manifest][name] if manifest else "",
                rank=ranks[manifest][name] if manifest else None,
                buckets={key: tuple(standing[name][key].because) for key in MANIFESTS},
                scores={key: scores[key][name] for key in MANIFESTS if name in scores[key]},
                features=features[name],
            )
        )
    return Manifest(tuple(entries), bounds)


def words(text: str) -> str:
    """Lower-case words of a name or sentence between single spaces: camel case is split, digits and signs go.

    Examples: `J_Dance0_StepTouch` -> `j dance step touch`, `single-foot_jump2` -> `single foot jump`.
    """
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", text)
    return " ".join(re.sub(r"[\W\d_]+", " ", apart).lower().split())


def family(name: str, ignored: Collection[str]) -> str:
    """What versions of one motion share: the words of a name without counters (all digits), the `ignored` words, and
    single letters at the end (actor, take, mirrored copy). A name of nothing else is a family of its own."""
    kept = [word for word in words(name).split() if word not in ignored]
    while len(kept) > 1 and len(kept[-1]) == 1:
        kept.pop()
    return " ".join(kept) or name


def described(clip: MotionClip) -> tuple[str, str, str, str]:
    """What :func:`recall` reads of a clip beside its movement: name, text, its source's name, label."""
    return clip.name, clip.text, PurePath(clip.source.replace("\\", "/")).stem, clip.label


def recall(
    clip: MotionClip, features: MotionFeatures, root_height: float, config: ManifestConfig
) -> dict[str, Candidacy]:
    """Which buckets of each manifest a clip fits, and why."""
    *said_of_it, label = described(clip)
    # A sign between the fields keeps a phrase from reaching over their border.
    text = " | ".join(words(part) for part in said_of_it)
    for phrase in config.ignored_phrases:
        text = _pattern(phrase).sub("|", text)
    found: dict[str, Candidacy] = {}
    for manifest in MANIFESTS:
        selection: Selection = getattr(config, manifest)
        said = {name: why for name, bucket in selection.buckets.items() if (why := _semantic(bucket, text, label))}
        done = {
            name: why
            for name, bucket in selection.buckets.items()
            if name not in said and (why := _fitting_rule(bucket, features, root_height))
        }
        if not said and not selection.rules_recall:
            done = {}
        because = {name: said.get(name) or done[name] for name in selection.buckets if name in said or name in done}
        found[manifest] = Candidacy(because, tuple(said))
    return {manifest: _barred(found, manifest, getattr(config, manifest)) for manifest in MANIFESTS}


def normalise(
    features: Mapping[str, MotionFeatures], percentiles: Sequence[float]
) -> tuple[dict[str, dict[str, float]], dict[str, tuple[float, float]]]:
    """Features of every clip between two percentiles over all of them, clipped to 0 to 1; 0 where they are equal.

    Returns:
        Clip -> feature -> normalised value, and feature -> the two percentiles.
    """
    if not features:
        return {}, {}
    table = np.array([dataclasses.astuple(own) for own in features.values()])
    low, high = np.percentile(table, percentiles, axis=0)
    span = high - low
    flat = span <= 1e-9 * np.maximum(1.0, np.abs(high))
    scaled = np.where(flat, 0.0, (table - low) / np.where(flat, 1.0, span)).clip(0.0, 1.0)
    values = {name: dict(zip(FEATURES, row, strict=True)) for name, row in zip(features, scaled.tolist(), strict=True)}
    return values, {name: (float(low[i]), float(high[i])) for i, name in enumerate(FEATURES)}


def score(normalised: Mapping[str, float], semantic: bool, weights: Mapping[str, float]) -> float:
    """Weighted mean of the terms, in 0 to 1; `low_x` is one minus x."""
    total = 0.0
    for term, weight in weights.items():
        if term == SEMANTIC:
            value = float(semantic)
        elif term.startswith(LOW):
            value = 1.0 - normalised[term.removeprefix(LOW)]
        else:
            value = normalised[term]
        total += weight * value
    return total / sum(weights.values())


def select(
    candidates: Mapping[str, Sequence[str]],
    scores: Mapping[str, float],
    families: Mapping[str, str],
    buckets: Mapping[str, Bucket],
    size: int,
    family_limit: int,
) -> dict[str, str]:
    """Fill the buckets' quotas in their order, then what is left from all candidates.

    Args:
        candidates: clip -> the buckets that it fits.
        family_limit: clips of one family at most.

    Returns:
        Clip -> the bucket that it was taken for, in the order of choice; at most `size`.
    """
    chosen: dict[str, str] = {}
    members: Counter[str] = Counter()
    ranked = _ranked(candidates, scores)

    def take(names: Sequence[str], room: int, bucket: str | None) -> None:
        for limit in range(1, family_limit + 1):
            for name in names:
                if room <= 0:
                    return
                if name not in chosen and members[families[name]] < limit:
                    chosen[name] = bucket or candidates[name][0]
                    members[families[name]] += 1
                    room -= 1

    for bucket, room in zip(buckets, share_out(size, [b.quota for b in buckets.values()]), strict=True):
        take([name for name in ranked if bucket in candidates[name]], room, bucket)
    take(ranked, size - len(chosen), None)
    return chosen


def share_out(size: int, quotas: Sequence[float]) -> list[int]:
    """Whole places in proportion to the quotas, `size` in all: largest remainders, the first one on a tie."""
    exact = [size * quota / sum(quotas) for quota in quotas]
    places = [math.floor(value + 1e-9) for value in exact]
    order = sorted(range(len(quotas)), key=lambda i: (places[i] - exact[i], i))
    for i in order[: size - sum(places)]:
        places[i] += 1
    return places


def _pattern(keyword: str) -> re.Pattern[str]:
    longer = r"\w*" if keyword.endswith("*") else ""
    return re.compile(rf"\b{re.escape(keyword.removesuffix('*'))}{longer}\b")


def _semantic(bucket: Bucket, text: str, label: str) -> str:
    for keyword in bucket.keywords:
        if _pattern(keyword).search(text):
            return f"word '{keyword}'"
    return f"label '{label}'" if label and label in bucket.labels else ""


def _fitting_rule(bucket: Bucket, features: MotionFeatures, root_height: float) -> str:
    def value(name: str) -> float:
        return getattr(features, name) / (root_height if name in _HEIGHTS else 1.0)

    for rule in bucket.rules:
        low = {name: bound for name, bound in rule.at_least.items() if value(name) >= bound}
        high = {name: bound for name, bound in rule.at_most.items() if value(name) <= bound}
        if (low or high) and len(low) == len(rule.at_least) and len(high) == len(rule.at_most):
            return ", ".join(f"{name} {value(name):.2f}" for name in (*low, *high))
    return ""


def _barred(found: Mapping[str, Candidacy], manifest: str, selection: Selection) -> Candidacy:
    """The candidacy for a manifest after what words say for the other one."""
    own = found[manifest]
    other = next(name for name in MANIFESTS if name != manifest)
    for bucket in selection.barred_by:
        if own.because and bucket in found[other].said:
            return Candidacy({}, barred=f"{other} bucket {bucket} ({found[other].because[bucket]})")
    return own


def _ranked(names: Iterable[str], scores: Mapping[str, float]) -> list[str]:
    """By score, the highest first, and by name where scores tie (to nine digits: sums of floats)."""
    return sorted(names, key=lambda name: (-round(scores[name], 9), name))


def _reason(
    name: str,
    families: Mapping[str, str],
    standing: Mapping[str, Candidacy],
    taken: Mapping[str, Mapping[str, str]],
    config: ManifestConfig,
) -> str:
    """Why a clip is in a manifest, or why it is in neither."""
    parts = []
    for manifest in MANIFESTS:
        candidacy = standing[manifest]
        if name in taken[manifest]:
            bucket = taken[manifest][name]
            return f"{manifest}: {bucket}, {candidacy.because[bucket]}"
        if candidacy.barred:
            parts.append(f"{manifest}: barred by {candidacy.barred}")
        elif candidacy.because:
            bucket, why = next(iter(candidacy.because.items()))
            members = sum(families[other] == families[name] for other in taken[manifest])
            full = members >= config.family_limit
            missed = f"family '{families[name]}' has its {members} clips" if full else "others score higher"
            parts.append(f"{manifest}: {bucket}, {why}, but {missed}")
    return "; ".join(parts) or "no word, label or rule of a bucket fits"
