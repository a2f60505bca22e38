from __future__ import annotations

import dataclasses
import itertools

import pytest

from athena_wbc.embodiment import get_embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.motion.builtin import BUILTIN
from athena_wbc.motion.corpus import load_clips
from athena_wbc.motion.features import FEATURES, MotionFeatures
from athena_wbc.motion.manifest import (
    MANIFESTS,
    choose,
    family,
    left_out,
    make_manifest,
    normalise,
    recall,
    score,
    select,
    share_out,
    words,
)
from athena_wbc.motion.manifest_config import Bucket, load_manifest_config
from tests.motion.samples import standing

G1 = get_embodiment("g1")
DEFAULT = load_manifest_config()
STILL = MotionFeatures(**dict.fromkeys(FEATURES, 0.0) | {"height_mean": 0.8, "height_min": 0.8, "duration": 5.0})
"""Stands upright and does nothing; no rule fits it."""

_LENGTH = itertools.count(70)


def clip(name: str, **changes):
    """A clip of that name with a motion of its own."""
    return standing(G1, frames=next(_LENGTH), name=name, **changes)


def feature(**changes) -> MotionFeatures:
    return dataclasses.replace(STILL, **changes)


def found(clips, features=None, dropped=None, overrides=(), root_height=0.8):
    """The manifest of clips whose features are known; STILL where they are not said."""
    features = {each.name: (features or {}).get(each.name, STILL) for each in clips}
    return choose(clips, dropped or {}, features, root_height, load_manifest_config("default", [*overrides]))


def names(manifest, which: str) -> list[str]:
    return [entry.name for entry in manifest.chosen(which)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("J_Dance0_StepTouch", "j dance step touch"),
        ("single-foot_jump2", "single foot jump"),
        ("LetsGO", "lets go"),
        ("CR7", "cr"),
        ("Überschlag 12", "überschlag"),
    ],
)
def test_words(text: str, expected: str) -> None:
    assert words(text) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("0-raw_jump_forward_level3_filter_amass", "raw jump forward"),
        ("jump_forward_level12", "jump forward"),
        ("jump_forward_001__A057_M", "jump forward"),
        ("SideKick_mirrored", "side kick"),
        ("M_Move17", "m move"),
        ("walk~2", "walk"),
        ("0042", "0042"),
        ("a", "a"),
    ],
)
def test_family(name: str, expected: str) -> None:
    assert family(name, DEFAULT.family_words) == expected


@pytest.mark.parametrize(
    ("name", "text", "dynamic", "balance"),
    [
        ("Running_03", "", ["run"], []),
        ("trunk_rotation", "", [], []),
        ("shop", "drunken walk", [], []),
        ("jumpingJack", "", ["jump"], []),
        ("dance", "a hip hop dance", [], []),
        ("dance", "hops to hip hop", ["jump"], []),
        ("a", "kicks, then runs", ["run", "strike"], []),
        ("SingleFootBalance", "", [], ["single_leg", "static"]),
        ("stand_on_one", "leg lifted", [], []),
        ("deepSquats", "", [], ["low_com"]),
        ("hand_stand", "", [], ["inversion"]),
    ],
)
def test_words_put_clips_into_buckets(name: str, text: str, dynamic: list[str], balance: list[str]) -> None:
    standing_with = recall(clip(name, text=text), STILL, 0.8, DEFAULT)
    assert list(standing_with["dynamic"].because) == dynamic
    assert list(standing_with["balance"].because) == balance


def test_the_source_and_the_label_are_read_too() -> None:
    by_source = recall(clip("a", source="jumps/vaulting_2.bvh"), STILL, 0.8, DEFAULT)
    assert dict(by_source["dynamic"].because) == {"vault_flip": "word 'vault*'"}  # of the file, not of its folder
    by_label = recall(clip("a", label="dynamic"), STILL, 0.8, DEFAULT)
    assert dict(by_label["dynamic"].because) == {"strike": "label 'dynamic'"}
    assert list(recall(clip("a", label="balance"), STILL, 0.8, DEFAULT)["balance"].because) == ["static"]


@pytest.mark.parametrize(
    ("changes", "buckets"),
    [
        ({"single_support_ratio": 0.6, "speed_mean": 0.1}, ["single_leg"]),
        ({"single_support_ratio": 0.6, "speed_mean": 0.4}, []),  # that is walking
        ({"single_support_ratio": 0.6, "speed_mean": 0.1, "flight_ratio": 0.2}, []),  # and that is hopping
        ({"inversion_ratio": 0.05}, ["inversion"]),
        ({"tilt_mean": 0.8}, ["inversion"]),
        ({"non_foot_contact_ratio": 0.2}, ["inversion"]),
        ({"height_mean": 0.6}, ["low_com"]),  # 0.75 of 0.8 m
        ({"height_mean": 0.61}, []),
        ({"height_range": 0.2, "speed_mean": 0.05}, ["low_com"]),
        ({"height_range": 0.2, "speed_mean": 0.15}, []),
        ({"height_range": 0.19, "speed_mean": 0.05}, []),
    ],
)
def test_the_motion_alone_recalls_for_balance(changes: dict[str, float], buckets: list[str]) -> None:
    candidacy = recall(clip("take"), feature(**changes), 0.8, DEFAULT)["balance"]
    assert list(candidacy.because) == buckets
    assert candidacy.said == ()


def test_the_motion_alone_never_recalls_for_dynamic() -> None:
    wild = feature(flight_ratio=0.5, joint_vel_high=9.0, joint_acc_high=200.0, speed_high=5.0)
    assert not recall(clip("take"), wild, 0.8, DEFAULT)["dynamic"].because
    because = recall(clip("leaping"), wild, 0.8, DEFAULT)["dynamic"].because
    assert list(because) == ["jump", "high_flight", "high_joint_dynamics"]


def test_heights_in_rules_are_in_units_of_the_robots_own() -> None:
    low = feature(height_mean=0.6)
    assert recall(clip("take"), low, 0.8, DEFAULT)["balance"].because
    assert not recall(clip("take"), low, 0.6, DEFAULT)["balance"].because


def test_run_jump_and_hop_are_barred_from_balance() -> None:
    clips = [clip("one_leg_hop"), clip("one_leg_stand")]
    manifest = found(clips, {"one_leg_hop": feature(single_support_ratio=0.9)})
    assert names(manifest, "dynamic") == ["one_leg_hop"]
    assert names(manifest, "balance") == ["one_leg_stand"]
    assert "balance" not in manifest.entries[0].scores


def test_a_barred_clip_that_is_not_chosen_says_why() -> None:
    clips = [clip("one_leg_hop"), clip("run_fast"), clip("squat")]
    manifest = found(clips, {"run_fast": feature(speed_high=3.0)}, overrides=["size=1"])
    hop = manifest.entries[0]
    assert (hop.manifest, hop.rank) == ("", None)
    assert hop.reason == (
        "dynamic: jump, word 'hop', but others score higher; balance: barred by dynamic bucket jump (word 'hop')"
    )


def test_what_is_in_dynamic_is_not_in_balance() -> None:
    """A kick on one leg fits both; where the dynamic manifest is full, it is free for the other one."""
    clips = [clip("one_leg_kick"), clip("high_kick"), clip("one_foot_pose")]
    features = {"high_kick": feature(speed_high=1.0), "one_leg_kick": feature(single_support_ratio=0.9)}
    both = found(clips, features)
    assert set(names(both, "dynamic")) == {"one_leg_kick", "high_kick"}
    assert names(both, "balance") == ["one_foot_pose"]
    assert both.entries[2].rank == 1  # although the kick has more single support
    full = found(clips, features, overrides=["size=1", "dynamic.buckets.strike.quota=1"])
    assert names(full, "dynamic") == ["high_kick"]
    assert set(full.entries[0].scores) == {"dynamic", "balance"}


def test_normalisation_between_the_5th_and_the_95th_percentile() -> None:
    table = {str(i): feature(speed_high=float(i), tilt_mean=0.3) for i in range(101)}
    values, bounds = normalise(table, (5.0, 95.0))
    assert bounds["speed_high"] == pytest.approx((5.0, 95.0))
    assert [values[str(i)]["speed_high"] for i in (0, 5, 50, 95, 100)] == pytest.approx([0.0, 0.0, 0.5, 1.0, 1.0])
    assert {own["tilt_mean"] for own in values.values()} == {0.0}  # where all are equal, nothing stands out


def test_only_candidates_decide_what_is_normal() -> None:
    clips = [clip("run_a_b"), clip("run_c_d"), clip("squat"), clip("walk")]
    features = {
        "run_a_b": feature(speed_high=1.0),
        "run_c_d": feature(speed_high=2.0),
        "walk": feature(speed_high=90.0),
    }
    assert found(clips, features).normalisation["speed_high"][1] < 2.0


def test_score_is_the_weighted_mean() -> None:
    values = {"speed_high": 0.5, "tilt_mean": 0.25}
    weights = {"semantic": 1.0, "speed_high": 2.0, "low_tilt_mean": 1.0}
    assert score(values, True, weights) == pytest.approx((1.0 + 2.0 * 0.5 + 0.75) / 4.0)
    assert score(values, False, weights) == pytest.approx((2.0 * 0.5 + 0.75) / 4.0)


@pytest.mark.parametrize(
    ("size", "quotas", "expected"),
    [
        (10, [0.5, 0.3, 0.2], [5, 3, 2]),
        (10, [1.0, 1.0, 1.0], [4, 3, 3]),
        (5, [0.5, 0.25, 0.25], [3, 1, 1]),  # 2.5, 1.25, 1.25: the largest remainder
        (1, [0.2, 0.0, 0.3], [0, 0, 1]),
    ],
)
def test_places_go_by_quota(size: int, quotas: list[float], expected: list[int]) -> None:
    assert share_out(size, quotas) == expected


def test_quotas_keep_a_bucket_from_taking_everything() -> None:
    candidates = {f"run {i}": ["run"] for i in range(6)} | {"jump 0": ["jump"], "jump 1": ["jump"]}
    scores = {name: 1.0 - 0.1 * i for i, name in enumerate(candidates)}
    families = {name: name for name in candidates}
    buckets = {"run": Bucket(quota=0.5), "jump": Bucket(quota=0.5)}
    assert select(candidates, scores, families, buckets, 4, 8) == {
        "run 0": "run",
        "run 1": "run",
        "jump 0": "jump",
        "jump 1": "jump",
    }
    # What one bucket cannot fill goes to the best of the rest.
    filled = select(candidates, scores, families, buckets, 6, 8)
    assert list(filled) == ["run 0", "run 1", "run 2", "jump 0", "jump 1", "run 3"]


def test_every_family_gives_one_clip_before_any_gives_two() -> None:
    candidates = {name: ["run"] for name in ("a1", "a2", "a3", "b1", "c1")}
    scores = {"a1": 0.9, "a2": 0.8, "a3": 0.7, "b1": 0.6, "c1": 0.5}
    families = {name: name[0] for name in candidates}
    chosen = [list(select(candidates, scores, families, {"run": Bucket(quota=1.0)}, n, 2)) for n in (3, 4, 5)]
    assert chosen == [["a1", "b1", "c1"], ["a1", "b1", "c1", "a2"], ["a1", "b1", "c1", "a2"]]


def test_families_count_over_all_buckets() -> None:
    candidates = {"a1": ["run"], "a2": ["jump"], "b1": ["jump"]}
    buckets = {"run": Bucket(quota=0.5), "jump": Bucket(quota=0.5)}
    families = {name: name[0] for name in candidates}
    scores = {"a1": 0.9, "a2": 0.8, "b1": 0.1}
    assert select(candidates, scores, families, buckets, 2, 1) == {"a1": "run", "b1": "jump"}


def test_a_full_family_is_the_reason() -> None:
    clips = [clip(f"jump_{i}") for i in range(3)] + [clip("squat")]
    features = {f"jump_{i}": feature(speed_high=float(i)) for i in range(3)}
    manifest = found(clips, features, overrides=["family_limit=2"])
    assert names(manifest, "dynamic") == ["jump_2", "jump_1"]
    assert manifest.entries[0].reason == "dynamic: jump, word 'jump*', but family 'jump' has its 2 clips"


def test_clips_that_are_left_out() -> None:
    run = clip("run_far")
    clips = [run, run.replace(name="copy_of_run"), clip("held_jump"), clip("hop"), standing(G1, 60, name="short")]
    clips.append(clips[2].replace(name="jump_copy"))
    reasons = left_out(clips, DEFAULT, ["held_jump"])
    assert reasons == {
        "copy_of_run": "the same motion as 'run_far'",
        "held_jump": "excluded by the list",
        "jump_copy": "the same motion as 'held_jump', which the list excludes",
        "short": "lasts 1.97 s, less than 2 s",
    }
    manifest = found([*clips, clip("squat")], dropped=reasons)
    assert set(names(manifest, "dynamic")) == {"run_far", "hop"}
    copy = manifest.entries[1]
    assert (copy.reason, copy.features, copy.scores) == ("left out: the same motion as 'run_far'", None, {})


def test_the_order_of_the_corpus_does_not_matter() -> None:
    clips = [clip(f"{kind}_{letter}x") for kind in ("run", "jump", "squat", "pose") for letter in "abcd"]
    features = {each.name: feature(speed_high=float(i % 3)) for i, each in enumerate(clips)}
    one, two = (found(order, features, overrides=["size=4"]) for order in (clips, clips[::-1]))
    assert [names(one, which) for which in MANIFESTS] == [names(two, which) for which in MANIFESTS]
    assert {entry.name: entry for entry in one.entries} == {entry.name: entry for entry in two.entries}


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("sise=3", "command line: sise: unknown key 'sise'; did you mean 'size'?"),
        ("size=0", "manifest: size: must be 1 or more, is 0"),
        ("least=2000", "manifest: least: is 2000, more than size (1000); lower it"),
        ("min_duration=-1", "manifest: min_duration: must be 0 s or more"),
        ("percentiles=[95,5]", "manifest: percentiles: must be two ascending numbers"),
        ("dynamic.weights.speed_hihg=1", "manifest: dynamic.weights: unknown 'speed_hihg'; did you mean 'speed_high'?"),
        ("dynamic.weights.speed_high=-1", "manifest: dynamic.weights.speed_high: must be 0 or more, is -1.0"),
        ("dynamic.buckets.rnu.quota=1", "manifest: dynamic.buckets.rnu: no clip fits it"),
        ("dynamic.buckets.run.quota=-1", "manifest: dynamic.buckets.run.quota: must be 0 or more"),
        ("dynamic.buckets.run.keywords=[Run]", "manifest: dynamic.buckets.run.keywords: 'Run': must be lower-case"),
        ("dynamic.buckets.run.keywords=[run-up]", "'run-up': must be lower-case words"),
        ("balance.buckets.static.labels=[balanced]", "static.labels: unknown 'balanced'; did you mean 'balance'?"),
        ("balance.barred_by=[runn]", "manifest: balance.barred_by: bucket unknown 'runn'; did you mean 'run'?"),
        (
            "balance.buckets.static.rules=[{at_least: {tilt: 1}}]",
            "manifest: balance.buckets.static.rules: feature unknown 'tilt'",
        ),
    ],
)
def test_a_wrong_value_is_one_line(override: str, message: str) -> None:
    with pytest.raises(AthenaError) as caught:
        load_manifest_config("default", [override])
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_too_few_clips_are_one_line() -> None:
    with pytest.raises(AthenaError, match=r"^balance: 0 of 1 clip\(s\) qualify, 1 are needed; give more motions"):
        found([clip("run")])
    with pytest.raises(AthenaError, match=r"--motions: none of 1 clip\(s\) is left.*min_duration=SECONDS"):
        make_manifest([standing(G1, 40)], G1, DEFAULT)
    with pytest.raises(AthenaError, match=r"--exclude: clip unknown 'standng'; did you mean 'standing'\?"):
        make_manifest([standing(G1)], G1, DEFAULT, excluded=["standng"])


def test_built_in_clips_by_name_and_motion_alone() -> None:
    """With their labels taken away, two of sixteen differ: nothing tells that waving is a matter of balance, and the
    crouching walk, labelled as locomotion, has a low centre of mass."""
    clips = [each.replace(label="") for each in load_clips("builtin", G1)]
    manifest = make_manifest(clips, G1, DEFAULT)
    for which in MANIFESTS:
        labelled = {name for name, script in BUILTIN.items() if script.label == which}
        differ = {"wave", "crouch_walk"} if which == "balance" else set()
        assert set(names(manifest, which)) ^ labelled == differ


def test_built_in_clips_with_their_labels() -> None:
    manifest = make_manifest(load_clips("builtin", G1), G1, DEFAULT)
    reasons = {entry.name: entry.reason for entry in manifest.entries}
    assert reasons["wave"] == "balance: static, label 'balance'"
    assert reasons["walk"] == "no word, label or rule of a bucket fits"


def test_real_clips(shared_motions) -> None:
    """ASAP: jumps and kicks are dynamic, standing on one foot and squats are balance, walks are neither."""
    clips = load_clips(str(shared_motions / "asap_g1_23dof"), G1)
    manifest = make_manifest(clips, G1, DEFAULT)
    where = {entry.name: entry.manifest for entry in manifest.entries}
    for name, which in where.items():
        if "jump" in name or "kick" in name:
            assert which == "dynamic", name
        elif "single_foot_balance" in name or "squat" in name:
            assert which == "balance", name
        elif "walk" in name or "shoot" in name:
            assert which == "", name
    assert not set(names(manifest, "dynamic")) & set(names(manifest, "balance"))
    # The motion alone finds the slow steps that stand on one leg for more than half of the time.
    found_by_motion = [e.name for e in manifest.chosen("balance") if "single_support_ratio" in e.reason]
    assert len(found_by_motion) == 1
    assert "step_forward_back_level1" in found_by_motion[0]


def test_features_of_real_clips_tell_flight_from_floating_feet(shared_motions) -> None:
    """The squats' feet float by up to 10 cm, and the jumps' for most of the clip; only the jumps fly."""
    folder = shared_motions / "asap_g1_23dof"
    manifest = make_manifest(load_clips([str(folder / "*squat*"), str(folder / "*jump_degree*")], G1), G1, DEFAULT)
    flights = {entry.name: entry.features.flight_ratio for entry in manifest.entries}
    assert all((flight > 0.1) == ("jump" in name) for name, flight in flights.items())
    assert max(flight for name, flight in flights.items() if "squat" in name) < 0.01
