"""What a pipeline's configuration refuses before anything is trained: one line each."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from athena_wbc import cli
from athena_wbc.errors import AthenaError
from athena_wbc.pipeline.config import load_pipeline, motion_specs
from athena_wbc.pipeline.resolve import WITHOUT_EFFECT, resolve
from athena_wbc.resources import config_names


@pytest.mark.parametrize("name", config_names("pipeline"))
def test_what_comes_with_the_library_can_be_run(name: str) -> None:
    config = load_pipeline(name)
    assert set(resolve(config, name).trainings) == set(config.policies)


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
    assert list(trainings) == ["sonic_base", "no_smooth", "dynamic_caps", "dynamic"]
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
        ("policies.balance.init_from=generel", "policies.balance.init_from: policy unknown 'generel'; did you mean 'gen"),
        ("policies.student.teachers=[general,dynamik]", "policies.student.teachers: policy unknown 'dynamik'; did you m"),
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


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("policies.general.recipe=generl", "policies.general: .*did you mean 'general'"),
        ("policies.finetune.init_from=null", "policies.finetune.init_from: the recipe 'finetune' starts from a policy"),
        ("policies.student.teachers=[]", "policies.student.teachers: the recipe 'student' needs some"),
        ("policies.general.teachers=[balance]", "policies.general.teachers: the recipe 'general' learns without"),
        ("policies.student.recipe=single_teacher_student", "policies.student.teachers: .* has one teacher"),
        ("policies.dynamic.overrides=[task.action.scale=0.5]", r"policies.dynamic: task.action.scale: is 0.5, but 'gen"),
        ("policies.balance.overrides=[sim.decimation=2]", r"policies.balance: sim.dt \* sim.decimation: is "),
        ("policies.balance.overrides=[task.actoin.scale=2]", "policies.balance: .*did you mean"),
        ("evaluation.protocol=athina", "evaluation: .*did you mean 'athena'"),
        ("mining.randomisation=lihgt", "mining: .*did you mean 'light'"),
        ("manifests.overrides=[sise=3]", "did you mean 'size'"),
    ],
)
def test_what_the_files_behind_it_say_is_checked_too(override: str, message: str) -> None:
    with pytest.raises(AthenaError, match=message) as error:
        resolve(load_pipeline("demo", [override]), "demo")
    assert "\n" not in str(error.value)


def test_what_has_no_effect_is_left_out_of_a_trainings_settings() -> None:
    loud = load_pipeline("demo", ["policies.general.overrides=[sim.threads=3,ppo.save_interval=7,ppo.gamma=0.5]"])
    plain, changed = (resolve(config, "demo").with_effect("general") for config in (load_pipeline("demo"), loud))
    assert changed["ppo"].pop("gamma") == 0.5
    assert plain["ppo"].pop("gamma") != 0.5
    assert changed == plain
    assert "sim.threads" in WITHOUT_EFFECT and "threads" not in plain["sim"]


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
    assert "no such file or folder" in refused(capsys, "--config", "demo", "--out", out, "motions=[missing/]")
    assert "--motions-root" in refused(capsys, "--config", "real", "--out", out)
    assert "did you mean 'demo'" in refused(capsys, "--config", "dema", "--out", out)
    assert "--config: names no pipeline" in refused(capsys, "--out", out)
    assert "did you mean 'student'" in refused(capsys, "--config", "demo", "--out", out, "--until", "studnet")
    assert "did you mean 'route'" in refused(capsys, "--config", "demo", "--out", out, "--from", "rout")
    error = refused(capsys, "--config", "demo", "--out", out, "heldout=['builtin:march,walk']")
    assert "heldout: 'walk' is trained on too, as 'walk'" in error
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump({"inherit": "demo", "policies": {"general": {"init_from": "finetune"}}}))
    assert "a circle: general -> finetune -> student -> general" in refused(capsys, "--config", str(path), "--out", out)
    assert not (tmp_path / "out").exists()
