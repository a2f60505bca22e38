"""From teachers to a fine-tuned student on the real task: distillation, --init_from and the critic's warm-up."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from athena_wbc import __version__, cli
from athena_wbc.config import load_config
from athena_wbc.errors import AthenaError
from athena_wbc.learning.checkpoint import load_checkpoint
from athena_wbc.learning.config import required_groups
from athena_wbc.learning.train import run_training
from athena_wbc.sim.env import TrackingEnv
from tests.learning.tiny import TINY, sway, tensors

ROUTES = {"elbow": "general", "waist": "dynamic"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two clips, two teachers of one iteration, a routing table, and a student of four iterations."""
    folder = tmp_path_factory.mktemp("home")
    sway("elbow", "left_elbow_joint", 0.4).save(folder / "motions" / "elbow.npz")
    sway("waist", "waist_yaw_joint", 0.3, seconds=0.6).save(folder / "motions" / "waist.npz")
    train(folder, "general", 1, recipe="general")
    train(folder, "dynamic", 1, "ppo.actor.hidden_dims=[12,8]", recipe="general", seed=5)
    (folder / "routing.json").write_text(json.dumps({"routes": ROUTES}))
    distill(folder, "student", 4)
    return folder


def train(home: Path, name: str, iterations: int, *overrides: str, **options: object):
    options = {"num_envs": 4, "seed": 3, "motions": str(home / "motions"), **options}
    given = () if options.get("resume") else TINY
    return run_training(home / name, iterations, overrides=(*given, *overrides), quiet=True, **options)


def distill(home: Path, name: str, iterations: int, *overrides: str, **options: object):
    teachers = {"general": home / "general", "dynamic": home / "dynamic"}
    options = {"recipe": "student", "teachers": teachers, "routing": home / "routing.json", **options}
    return train(home, name, iterations, *overrides, **options)


def actor(run: Path, iteration: int) -> dict[str, torch.Tensor]:
    """Weights and normaliser of a checkpoint's actor."""
    return load_checkpoint(run / "checkpoints" / f"model_{iteration}.pt")["algorithm"]["actor_state_dict"]


def same(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> set[str]:
    """Names of what is equal to the byte."""
    assert first.keys() == second.keys()
    return {name for name in first if torch.equal(first[name], second[name])}


def test_two_and_two_are_four_to_the_byte_without_the_teachers_runs(home: Path, tmp_path: Path) -> None:
    for name in ("general", "dynamic", "motions", "routing.json"):
        (shutil.copytree if (home / name).is_dir() else shutil.copy)(home / name, tmp_path / name)
    distill(tmp_path, "parts", 2, motions=str(home / "motions"))
    shutil.rmtree(tmp_path / "general")
    shutil.rmtree(tmp_path / "dynamic")
    result = run_training(tmp_path / "parts", 4, resume=True, quiet=True)
    assert result.iteration == 4
    whole, parts = (
        load_checkpoint(run / "checkpoints" / "model_4.pt") for run in (home / "student", result_run(result))
    )
    for part in ("algorithm", "environment", "rng", "observations"):
        first, second = tensors(whole[part]), tensors(parts[part])
        assert first and same(first, second) == first.keys()


def result_run(result) -> Path:
    return result.checkpoint.parent.parent


def test_what_a_student_records(home: Path) -> None:
    contents = load_checkpoint(home / "student")
    run = contents["run"]
    assert list(run["teachers"]) == ["general", "dynamic"] and run["teachers"]["general"]["iteration"] == 1
    assert run["routes"] == ROUTES
    # The recipe's noise, which it was not taught with: for whoever asks for some.
    std = actor(home / "student", 4)["distribution.log_std_param"].exp()
    torch.testing.assert_close(std, torch.full_like(std, 0.1))
    assert {path.name for path in (home / "student" / "teachers").iterdir()} == {"general.pt", "dynamic.pt"}
    assert set(contents["schema"]) == {"student", "teacher"}
    # Adaptive sampling goes on: every bin starts at a difficulty of one.
    assert not bool((contents["environment"]["task"]["sampler"]["bin_difficulty"] == 1.0).any())


def test_fine_tuning_keeps_every_byte_of_the_student_until_it_is_unfrozen(home: Path) -> None:
    train(
        home,
        "finetuned",
        4,
        "ppo.critic_warmup_iterations=2",
        "ppo.actor_unfreeze_iterations=3",
        "ppo.actor.init_std=0.07",
        "ppo.save_interval=1",
        "ppo.keep_checkpoints=9",
        recipe="finetune",
        init_from=home / "student",
    )
    run, student = home / "finetuned", actor(home / "student", 4)
    noise = {name for name in student if name.startswith("distribution.")}
    assert noise == {"distribution.log_std_param"}
    for iteration in (0, 1, 2):
        assert same(student, actor(run, iteration)) >= student.keys() - noise
        assert same(actor(run, 0), actor(run, iteration)) == student.keys()
        std = actor(run, iteration)["distribution.log_std_param"].exp()
        torch.testing.assert_close(std, torch.full_like(std, 0.07))
    assert not same(actor(run, 2), actor(run, 3)) & {"mlp.0.weight", "obs_normalizer._mean", *noise}
    critics = [load_checkpoint(run / "checkpoints" / f"model_{i}.pt")["algorithm"]["critic_state_dict"] for i in (0, 2)]
    assert not same(*critics)
    contents = load_checkpoint(run / "checkpoints" / "model_0.pt")
    assert contents["iteration"] == 0 and not contents["algorithm"]["optimizer_state_dict"]["state"]
    assert contents["run"]["init_from"]["source"] == str(home / "student")


def test_fine_tuning_sees_what_is_deployed_under_nominal_dynamics() -> None:
    config = load_config("finetune")
    assert config.ppo.obs_groups["actor"] == ["student"] and required_groups(config.ppo) == ["student", "critic"]
    assert config.task.randomisation.gravity == [] and config.ppo.algorithm == "ppo"
    assert config.ppo.critic_warmup_iterations > 0 and config.ppo.actor_unfreeze_iterations > 0
    assert config.ppo.actor.init_std <= 0.3 * load_config("general").ppo.actor.init_std


@pytest.fixture
def gravity(monkeypatch: pytest.MonkeyPatch) -> list[np.ndarray]:
    """What acts on every environment in every control step, m/s^2 (N,), as the simulations have it."""
    seen: list[np.ndarray] = []
    step = TrackingEnv.step

    def watched(env: TrackingEnv, actions: torch.Tensor) -> object:
        result = step(env, actions)
        seen.append(env.physics._fields["opt.gravity"][:, 2].copy())
        return result

    monkeypatch.setattr(TrackingEnv, "step", watched)
    return seen


def test_students_are_taught_and_tuned_at_1_g(home: Path, tmp_path: Path, gravity: list[np.ndarray]) -> None:
    distill(home, str(tmp_path / "student"), 1)
    train(home, str(tmp_path / "tuned"), 1, recipe="finetune", init_from=home / "student")
    assert len(gravity) == 8 and set(np.concatenate(gravity)) == {-9.81}
    # The same look at a training whose gravity is reduced.
    train(home, str(tmp_path / "balance"), 2, recipe="balance")
    assert -9.81 / 2 in gravity[8]


def test_a_curriculum_is_refused_where_a_student_learns(home: Path, tmp_path: Path) -> None:
    run, key = str(tmp_path / "run"), "task.gravity_curriculum.mode"
    with pytest.raises(AthenaError, match=f"^{key}: 'progress' is for teachers; a distillation is at 1 g"):
        distill(home, run, 1, f"{key}=progress")
    with pytest.raises(AthenaError, match=f"^{key}: 'survival' is for teachers; a fine-tuning is at 1 g"):
        train(home, run, 1, f"{key}=survival", recipe="finetune", init_from=home / "student")
    assert not (tmp_path / "run").exists()


def test_an_expert_starts_where_the_teacher_stands(home: Path) -> None:
    train(home, "expert", 1, recipe="general", init_from=home / "general", seed=8)
    first, start = (
        load_checkpoint(home / name / "checkpoints" / file)["algorithm"]
        for name, file in (("general", "model_1.pt"), ("expert", "model_0.pt"))
    )
    for part in ("actor_state_dict", "critic_state_dict"):
        assert same(first[part], start[part]) >= {name for name in first[part] if "_normalizer." not in name}
    assert not start["optimizer_state_dict"]["state"]
    assert start["learning_rate"] == load_config("general", TINY).ppo.learning_rate
    result = train(home, "expert", 2, resume=True, recipe="general", init_from=home / "general", seed=8)
    assert result.iteration == 2
    with pytest.raises(AthenaError, match=r"init_from: the run was started with .*general, --resume was given other"):
        train(home, "expert", 3, resume=True, recipe="general", init_from="other", seed=8)


def test_an_input_that_never_varied_begins_with_the_scale_one(home: Path) -> None:
    """The teacher's critic has met one gravity: half of it is half a unit away for the balance expert, not 50."""
    then = load_checkpoint(home / "general" / "checkpoints" / "model_1.pt")
    terms = [name for name, size in then["schema"]["critic"] for _ in range(size)]
    gravity = terms.index("gravity_scale")
    before = then["algorithm"]["critic_state_dict"]
    assert before["obs_normalizer._std"][0, gravity] == 0.0
    train(home, "lighter", 0, recipe="balance", init_from=home / "general")
    critic = load_checkpoint(home / "lighter" / "checkpoints" / "model_0.pt")["algorithm"]["critic_state_dict"]
    assert critic["obs_normalizer._mean"][0, gravity] == 1.0
    assert critic["obs_normalizer._std"][0, gravity] == critic["obs_normalizer._var"][0, gravity] == 1.0
    varied = before["obs_normalizer._std"] >= 1e-3
    assert varied.any() and torch.equal(critic["obs_normalizer._std"][varied], before["obs_normalizer._std"][varied])


def test_a_resume_from_another_policy_in_the_same_place_is_refused(home: Path, tmp_path: Path) -> None:
    start = Path(shutil.copytree(home / "general", tmp_path / "start"))
    options = {"recipe": "general", "init_from": start, "motions": str(home / "motions")}
    train(tmp_path, "expert", 1, **options)
    assert train(tmp_path, "expert", 1, resume=True, **options).iteration == 1
    shutil.rmtree(start)
    train(tmp_path, "start", 1, recipe="general", seed=9, motions=str(home / "motions"))
    with pytest.raises(AthenaError, match=r"init_from: the run was started from another policy than .*start is now"):
        train(tmp_path, "expert", 2, resume=True, **options)
    assert train(tmp_path, "expert", 1, resume=True, **options | {"init_from": None}).iteration == 1


def test_what_only_ppo_uses_changes_no_student(home: Path) -> None:
    """To the byte, or a pipeline that changes it would have to teach the student again."""
    values = {
        "num_learning_epochs": 3,
        "num_mini_batches": 1,
        "clip_param": 0.3,
        "gamma": 0.5,
        "lam": 0.5,
        "value_loss_coef": 0.5,
        "use_clipped_value_loss": False,
        "entropy_coef": 0.1,
        "learning_rate": 0.1,
        "schedule": "fixed",
        "desired_kl": 0.1,
        "learning_rate_factor": 2.0,
        "min_learning_rate": 1e-3,
        "max_learning_rate": 0.5,
        "max_grad_norm": 0.1,
        "normalize_advantage_per_mini_batch": True,
        "critic_warmup_iterations": 3,
        "actor_unfreeze_iterations": 3,
        "critic.hidden_dims": [8],
    }
    overrides = [f"ppo.{key}={value}" for key, value in values.items()]
    assert distill(home, "student", 4, *overrides, resume=True).iteration == 4
    distill(home, "unused", 4, *overrides)
    student = actor(home / "student", 4)
    assert same(student, actor(home / "unused", 4)) == student.keys()


@pytest.mark.parametrize(
    ("recipe", "source", "overrides", "message"),
    [
        (
            "general",
            "general",
            ["ppo.actor.hidden_dims=[8]"],
            r"ppo.actor.hidden_dims: was \[16\], this run's is \[8\]",
        ),
        (
            "general",
            "general",
            ["ppo.critic.hidden_dims=[8]"],
            r"ppo.critic.hidden_dims: was .*; set the same, or ppo.i",
        ),
        ("general", "general", ["ppo.actor.std_type=scalar"], r"ppo.actor.std_type: was log, this run's is scalar"),
        ("general", "general", ["task.action.scale=0.5"], r"task.action.scale: was trained with 0.25, this is 0.5"),
        ("general", "student", [], r"ppo.init.critic: it holds no critic \(a distilled student\); set it to false"),
        ("general", "student/teachers/general.pt", [], r"it holds no critic \(a student's copy of a teacher\); set it"),
        ("finetune", "general", [], r"ppo.obs_groups.actor: it reads \[teacher\], this run's reads \[student\]"),
        ("finetune", None, [], r"--init_from: the recipe 'finetune' starts from a policy; name its run here"),
        ("finetune", "gone", [], r"gone: no such checkpoint"),
    ],
)
def test_a_start_that_does_not_fit_is_refused(
    recipe: str, source: str | None, overrides: list[str], message: str, home: Path, tmp_path: Path
) -> None:
    with pytest.raises(AthenaError, match=message):
        train(
            home,
            str(tmp_path / "run"),
            1,
            *overrides,
            recipe=recipe,
            init_from=None if source is None else home / source,
        )
    assert not (tmp_path / "run").exists()


def test_a_critic_of_another_shape_may_stay_behind(home: Path) -> None:
    overrides = ("ppo.critic.hidden_dims=[8]", "ppo.init.critic=false")
    train(home, "small_critic", 1, *overrides, recipe="general", init_from=home / "general")
    assert len(same(actor(home / "general", 1), actor(home / "small_critic", 0))) == len(actor(home / "general", 1))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"recipe": "general"}, "--teacher: the recipe 'general' learns without teachers; take --recipe student"),
        ({"teachers": None}, "--teacher: the recipe 'student' needs one; use athena distill --teacher NAME=RUN"),
        ({"routing": None}, r"--teacher: 2 teachers \(general, dynamic\) need a table"),
        ({"recipe": "single_teacher_student"}, "--routing: the recipe 'single_teacher_student' has one teacher"),
        (
            {"recipe": "single_teacher_student", "routing": None},
            "--teacher: the recipe 'single_teacher_student' has one teacher for all motions; take --recipe student",
        ),
        ({"teachers": {"general": "gone.pt"}}, r"gone.pt: no such checkpoint"),
    ],
)
def test_a_distillation_that_cannot_be_is_refused(changes: dict, message: str, home: Path, tmp_path: Path) -> None:
    with pytest.raises(AthenaError, match=message):
        distill(home, str(tmp_path / "run"), 1, **changes)
    assert not (tmp_path / "run").exists()


def test_a_resume_with_other_teachers_or_routes_is_refused(home: Path, tmp_path: Path) -> None:
    assert distill(home, "student", 4, resume=True).iteration == 4
    with pytest.raises(AthenaError, match=r"--teacher: the run was started with other teachers \(general, dynamic\)"):
        distill(home, "student", 5, resume=True, teachers={"general": home / "dynamic", "dynamic": home / "dynamic"})
    (tmp_path / "r.json").write_text(json.dumps({"routes": {"elbow": "general", "waist": "general"}}))
    with pytest.raises(AthenaError, match="--routing: the run was started with other routes"):
        distill(home, "student", 5, resume=True, routing=tmp_path / "r.json")
    with pytest.raises(AthenaError, match="the run learns without teachers"):
        distill(home, "general", 5, resume=True, recipe=None)


def test_a_routing_of_other_clips_or_another_version_is_refused(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    for told, message in (
        ({"corpus_hash": "0123456789abcdef"}, "r.json: corpus_hash: the motions are not the clips that were routed"),
        ({"library_version": "0.0.1"}, "r.json: library_version: was written by athena_wbc 0.0.1"),
    ):
        path.write_text(json.dumps({"routes": ROUTES} | told))
        with pytest.raises(AthenaError, match=message):
            distill(home, str(tmp_path / "run"), 1, routing=path)
        with pytest.raises(AthenaError, match=message):
            distill(home, "student", 5, resume=True, routing=path)
    assert not (tmp_path / "run").exists()
    clips = load_checkpoint(home / "student")["run"]["motions_hash"]
    path.write_text(json.dumps({"routes": ROUTES, "corpus_hash": clips, "library_version": __version__}))
    assert distill(home, "student", 4, resume=True, routing=path).iteration == 4


def test_the_command_distils_with_one_teacher(home: Path, tmp_path: Path) -> None:
    line = f"distill --recipe single_teacher_student --teacher general={home / 'general'} --num_envs 4 --seed 3"
    line += f" --motions {home / 'motions'} --max_iterations 1 --out {tmp_path / 'run'}"
    assert cli.main([*line.split(), *TINY]) == 0
    contents = load_checkpoint(tmp_path / "run")
    assert contents["run"]["routes"] is None and list(contents["run"]["teachers"]) == ["general"]
    assert cli.main(["distill", "--out", str(tmp_path / "run"), "--resume", "--max_iterations", "2"]) == 0
    assert load_checkpoint(tmp_path / "run")["iteration"] == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--teacher general", "--teacher: 'general' is no NAME=CHECKPOINT; write general=runs/general"),
        ("--teacher a=x --teacher a=y", "--teacher: 'a' is named twice"),
        ("--teacher a=gone", "gone: no such checkpoint"),
        ("--teacher ../a=gone", "--teacher: '../a=gone' is no NAME=CHECKPOINT"),
        ("--teacher .a=gone", "--teacher: '.a': a name is made of letters"),
        ("", "--teacher: the recipe 'student' needs one"),
        ("--teacher general=x --recipe general", "--teacher: the recipe 'general' learns without teachers"),
    ],
)
def test_a_wrong_command_is_one_line(
    arguments: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["distill", "--out", str(tmp_path / "run"), *arguments.split()]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
