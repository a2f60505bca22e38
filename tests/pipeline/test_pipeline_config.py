"""What a pipeline's configuration refuses before anything is trained: one line each."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from athena_wbc import cli
from athena_wbc.errors import AthenaError
from athena_wbc.learning.effect import WITHOUT_EFFECT
from athena_wbc.pipeline.config import load_pipeline, motion_specs
from athena_wbc.pipeline.graph import build_graph
from athena_wbc.pipeline.resolve import Resolved, resolve
from athena_wbc.resources import config_names


@pytest.mark.parametrize("name", config_names("pipeline"))
def test_what_comes_with_the_library_can_be_run(name: str) -> None:
    config = load_pipeline(name)
    known = config_names("recipe")
    assert all(policy.recipe in known for policy in config.policies.values())
    assert list(build_graph(config, name))[-1] == "report"
    assert list(resolve(config, name).trainings) == list(config.policies)


def test_what_must_be_there() -> None:
    experts = {"general", "residual_control", "dynamic", "balance", "student", "finetune"}
    demo, study = load_pipeline("demo"), load_pipeline("study")
    assert set(demo.policies) == experts
    assert set(study.policies) == experts | {"single_teacher_student"}
    assert study.seeds == [0, 1, 2] == load_pipeline("smoothness").seeds
    assert demo.evaluation.sets == study.evaluation.sets == ["full", "residual", "dynamic", "balance", "heldout"]
    # Each expert against the control: as many samples, the same start, the same clips.
    for config in (demo, study, load_pipeline("real")):
        control = config.policies["residual_control"]
        for name in ("dynamic", "balance"):
            policy = config.policies[name]
            assert (policy.iterations, policy.init_from, policy.motions) == (control.iterations, "general", "residual")


def test_the_smoothness_ablation_differs_in_the_recipe_alone() -> None:
    config = load_pipeline("smoothness")
    trainings = resolve(config, "smoothness").trainings
    assert list(trainings) == ["sonic_base", "no_smooth", "dynamic_caps", "dynamic", "dynamic_target"]
    assert {tuple(other.ppo.obs_groups["actor"]) for other in trainings.values()} == {("teacher",)}
    assert len({policy.iterations for policy in config.policies.values()}) == 1
    assert all(policy.init_from is None and policy.motions == "full" for policy in config.policies.values())
    first, *others = trainings.values()
    for other in others:
        assert other.task.observations == first.task.observations
        assert (other.ppo.actor, other.ppo.critic, other.ppo.desired_kl) == (
            first.ppo.actor,
            first.ppo.critic,
            first.ppo.desired_kl,
        )


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("polices.general.iterations=3", "unknown key 'polices'; did you mean 'policies'"),
        ("policies.general.iteration=3", "iterations"),
        ("policies.general.iterations=0", "policies.general.iterations: must be 1 or more, is 0"),
        (
            "policies.balance.init_from=generel",
            "policies.balance.init_from: policy unknown 'generel'; did you mean 'gen",
        ),
        (
            "policies.student.teachers=[general,dynamik]",
            "policies.student.teachers: policy unknown 'dynamik'; did you m",
        ),
        ("policies.student.teachers=[general,general]", "a policy is named twice"),
        ("mining.teacher=nobody", "mining.teacher: policy unknown 'nobody'"),
        ("compare=[[dynamic,controll]]", "compare: policy unknown 'controll'"),
        ("compare=[[dynamic]]", "each entry is a pair"),
        ("routing.without=[student]", "routing.without: policy unknown 'student'"),
        ("routing.without=[general,dynamic,balance]", "routing.without: leaves no teacher"),
        ("routing.tie=second", "routing.tie: rule unknown 'second'"),
        ("evaluation.sets=[full,heldin]", "evaluation.sets: set unknown 'heldin'"),
        ("evaluation.sets=[]", "evaluation.sets: names none"),
        ("evaluation.rollouts=0", "evaluation.rollouts: must be 1 or more"),
        ("policies.dynamic.motions=dynamic", "policies.dynamic.motions: set unknown 'dynamic'"),
        ("pictures=finetun", "pictures: policy unknown 'finetun'; did you mean 'finetune'"),
        ("evaluation.sets=[residual]", "pictures: are chosen on the set 'full'; add it to evaluation.sets"),
        ("policies.pictures.recipe=general", "policies.pictures: is no name for a policy"),
        ("mining.rho=1.5", "mining.rho: "),
        ("mining.early_s=0", "mining.early_s: must be a positive"),
        ("seeds=[1,1]", "seeds: .* different numbers"),
        ("seeds=[]", "seeds: "),
        ("motions=[]", "motions: names none"),
        ("num_envs=0", "num_envs: must be 1 or more"),
        ("policies.route.recipe=general", "policies.route: is no name for a policy"),
        ("policies.seed_1.recipe=general", "policies.seed_1: is no name"),
        ("policies.extra.iterations=3", "policies.extra.recipe: is not given"),
        ("policies.other={recipe: student, teachers: [general, balance]}", "policies.other.teachers: one routing"),
    ],
)
def test_bad_values_are_one_line_that_names_the_key(override: str, message: str) -> None:
    with pytest.raises(AthenaError, match=message) as error:
        load_pipeline("demo", [override])
    assert "\n" not in str(error.value)


TWO = {"a": {"recipe": "general"}, "b": {"recipe": "general", "init_from": "a"}}
SCHOOL = {
    "a": {"recipe": "general"},
    "s": {"recipe": "student", "teachers": ["a"]},
    "f": {"recipe": "finetune", "init_from": "s"},
}


def resolved(tmp_path: Path, policies: dict[str, dict[str, object]], *overrides: str) -> Resolved:
    path = tmp_path / "my.yaml"
    path.write_text(yaml.safe_dump({"policies": policies}))
    return resolve(load_pipeline(str(path), overrides), "my.yaml")


@pytest.mark.parametrize(
    ("policies", "override", "message"),
    [
        ({"a": {"recipe": "generl"}}, None, "policies.a: .*did you mean 'general'"),
        ({"a": {"recipe": "finetune"}}, None, "policies.a.init_from: the recipe 'finetune' starts from a policy"),
        ({"a": {"recipe": "student"}}, None, "policies.a.teachers: the recipe 'student' needs some"),
        ({"a": {"recipe": "general", "teachers": ["a"]}}, None, "policies.a.teachers: .* learns without teachers"),
        (
            {"a": {"recipe": "single_teacher_student", "teachers": ["a", "b"]}, "b": {"recipe": "general"}},
            None,
            "policies.a.teachers: .* has one teacher",
        ),
        (
            TWO,
            "policies.b.overrides=[task.action.scale=0.5]",
            r"my.yaml: policies.b: task.action.scale: is 0.5, but 'a'",
        ),
        (TWO, "policies.b.overrides=[sim.decimation=2]", r"policies.b: sim.dt \* sim.decimation: is "),
        (TWO, "policies.a.overrides=[task.actoin.scale=2]", "policies.a: .*did you mean"),
        (TWO, "policies.b.overrides=[robot=go1]", "policies.b: "),
        (
            TWO,
            "policies.b.overrides=['ppo.actor.hidden_dims=[8]']",
            r"my.yaml: policies.b.init_from: 'a': ppo.actor.hidden_dims: was \[.*\], this run's is \[8\]; set the same",
        ),
        (TWO, "policies.b.overrides=['ppo.critic.hidden_dims=[8]']", "'a': ppo.critic.hidden_dims: was"),
        (
            TWO,
            "policies.b.overrides=[ppo.actor.std_type=scalar]",
            "'a': ppo.actor.std_type: was log, this run's is",
        ),
        (TWO, "policies.b.overrides=['ppo.obs_groups.actor=[student]']", r"ppo.obs_groups.actor: it reads \[teacher\]"),
        (
            TWO,
            "policies.b.overrides=['task.observations.critic.terms=[{term: joint_pos}]']",
            "my.yaml: policies.b: task.observations.critic: term 1 is joint_pos, but 'a', which it learns from, has re",
        ),
        (
            SCHOOL | {"f": {"recipe": "general", "init_from": "s"}},
            None,
            r"policies.f.init_from: 's': ppo.init.critic: it holds no critic \(a distilled student\)",
        ),
        (
            SCHOOL,
            "policies.s.overrides=['task.observations.teacher.terms=[{term: joint_pos, history: 3}]']",
            "policies.s: task.observations.teacher: term 1 is joint_pos x3, but 'a', which it learns from, has ref",
        ),
        (
            SCHOOL,
            "policies.s.overrides=['ppo.obs_groups.teacher=[critic]']",
            "policies.s: ppo.obs_groups.teacher: lacks 'teacher', which the teacher 'a' reads; add it",
        ),
        (
            SCHOOL,
            "policies.s.overrides=[task.gravity_curriculum.mode=progress]",
            "policies.s: task.gravity_curriculum.mode: 'progress' is for teachers; a distillation is at 1 g",
        ),
        (
            SCHOOL,
            "policies.f.overrides=[task.gravity_curriculum.mode=survival]",
            "policies.f: task.gravity_curriculum.mode: 'survival' is for teachers; a fine-tuning is at 1 g",
        ),
        ({"a": {"recipe": "general"}}, "evaluation.protocol=athina", "my.yaml: evaluation: .*did you mean 'athena'"),
        ({"a": {"recipe": "general"}}, "evaluation.randomisation=lihgt", "evaluation: .*did you mean 'light'"),
        ({"a": {"recipe": "general"}}, "manifests.overrides=[sise=3]", "did you mean 'size'"),
    ],
)
def test_what_the_files_behind_it_say_is_checked_too(
    tmp_path: Path, policies: dict[str, dict[str, object]], override: str | None, message: str
) -> None:
    with pytest.raises(AthenaError, match=message) as error:
        resolved(tmp_path, policies, *([] if override is None else [override]))
    assert "\n" not in str(error.value)


def test_what_may_differ_between_those_that_learn_from_each_other(tmp_path: Path) -> None:
    """The shape of a teacher, the noise of what it reads, groups that nobody reads, and a critic that stays behind."""
    apart = [
        "ppo.actor.hidden_dims=[8]",
        "task.observations.teacher.noise=true",
        "task.observations.critic.terms=[{term: joint_pos}]",
    ]
    policies = SCHOOL | {"s": SCHOOL["s"] | {"overrides": apart}, "f": SCHOOL["f"] | {"overrides": [apart[0]]}}
    policies["b"] = TWO["b"] | {"overrides": ["ppo.critic.hidden_dims=[8]", "ppo.init.critic=false", apart[2]]}
    assert resolved(tmp_path, policies).trainings["s"].ppo.actor.hidden_dims == [8]


def test_what_has_no_effect_is_left_out_of_a_trainings_settings(tmp_path: Path) -> None:
    loud = {"recipe": "general", "overrides": ["sim.threads=3", "ppo.save_interval=7", "ppo.gamma=0.5"]}
    found = resolved(tmp_path, {"plain": {"recipe": "general"}, "loud": loud})
    plain, changed = found.with_effect("plain"), found.with_effect("loud")
    assert changed["ppo"].pop("gamma") == 0.5
    assert plain["ppo"].pop("gamma") != 0.5
    assert changed == plain
    assert "sim.threads" in WITHOUT_EFFECT and "threads" not in plain["sim"]


def test_what_the_other_algorithm_would_use_is_left_out_too(tmp_path: Path) -> None:
    taught = {"recipe": "student", "teachers": ["plain"]}
    other = ["ppo.distillation.num_learning_epochs=9", "ppo.distillation.noise=true"]
    own = ["ppo.gamma=0.5", "ppo.critic.hidden_dims=[8]", "ppo.max_grad_norm=9.0"]
    policies = {
        "plain": {"recipe": "general"},
        "loud": {"recipe": "general", "overrides": other},
        "student": taught,
        "loud_student": taught | {"overrides": own},
        "other_student": taught | {"overrides": other},
    }
    found = resolved(tmp_path, policies)
    assert found.with_effect("plain") == found.with_effect("loud")
    assert found.with_effect("student") == found.with_effect("loud_student") != found.with_effect("other_student")


def test_relative_motions_start_at_the_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "b,c").mkdir()
    specs = ["builtin:walk,wave", "a.npz", "a.npz,builtin:walk,wave", "b,c", str(tmp_path / "x"), "~/y"]
    config = load_pipeline("demo", given={"motions_root": str(tmp_path)})
    a = str(tmp_path / "a.npz")
    expected = ["builtin:walk,wave", a, f"{a},builtin:walk,wave", str(tmp_path / "b,c"), str(tmp_path / "x"), "~/y"]
    assert motion_specs(config, specs) == expected
    monkeypatch.chdir(tmp_path)
    assert motion_specs(load_pipeline("demo"), ["a.npz"]) == [a]


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one line that the command leaves with."""
    assert cli.main(["pipeline", *arguments]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    return error


def test_the_command_refuses_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "out")
    path = tmp_path / "one.yaml"
    path.write_text("policies: {general: {recipe: general}}\nmotions: ['builtin:walk']\n")
    one = ("--config", str(path), "--out", out)
    error = refused(capsys, *one, "motions=[missing/]")
    assert "motions: " in error and "missing: no such file or folder" in error and "--motions-root" in error
    assert "did you mean 'demo'" in refused(capsys, "--config", "dema", "--out", out)
    assert "--config: names no pipeline" in refused(capsys, "--out", out)
    assert "--until: stage unknown 'generl'; did you mean 'general'" in refused(capsys, *one, "--until", "generl")
    assert "--from: stage unknown 'reports'; did you mean 'report'" in refused(capsys, *one, "--from", "reports")
    error = refused(capsys, *one, "heldout=['builtin:march,walk']")
    assert "heldout: 'walk' is trained on too, as 'walk'" in error
    error = refused(capsys, "--config", "demo", "--out", out, "policies.general.init_from=finetune")
    assert "a circle: general -> finetune -> student -> general" in error
    assert not (tmp_path / "out").exists()
