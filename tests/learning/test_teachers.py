from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest
import torch

from athena_wbc import __version__
from athena_wbc.errors import AthenaError
from athena_wbc.learning.checkpoint import build_policy, save_checkpoint
from athena_wbc.learning.teachers import (
    RoutedTeachers,
    TeacherBank,
    check_names,
    check_routed_clips,
    describe,
    digest,
    keep_teachers,
    kept_teachers,
    read_routes,
    read_teachers,
    route_indices,
)
from tests.learning.fake_env import FakeEnv
from tests.learning.taught_env import CLIPS, Constant, TaughtEnv, constant_teachers, teacher_contents

SIZES = ([16], [24, 8], [5])


def sources(env: FakeEnv) -> dict[str, tuple[str, dict]]:
    return {f"t{i}": (f"t{i}.pt", teacher_contents(env, i, hidden)) for i, hidden in enumerate(SIZES)}


def test_the_bank_says_what_each_teacher_says_alone() -> None:
    env = TaughtEnv(num_envs=40)
    taught = sources(env)
    alone = [build_policy(contents, env, source) for source, contents in taught.values()]
    bank = TeacherBank.for_env(taught, env)
    assert bank.names == ("t0", "t1", "t2")
    observations = env.get_observations()
    for seed in range(3):
        route = torch.randint(3, (40,), generator=torch.Generator().manual_seed(seed))
        means = bank(observations, route)
        assert means.shape == (40, 3) and not means.requires_grad
        for i in range(40):
            expected = alone[int(route[i])](observations[i : i + 1])
            torch.testing.assert_close(means[i : i + 1], expected, rtol=1e-5, atol=1e-6)


def test_one_teacher_needs_no_sorting() -> None:
    env = TaughtEnv()
    source, contents = sources(env)["t1"]
    bank = TeacherBank.for_env({"only": (source, contents)}, env)
    observations = env.get_observations()
    expected = build_policy(contents, env, source)(observations)
    assert torch.equal(bank(observations, torch.zeros(8, dtype=torch.long)), expected)


def test_every_state_is_asked_about_once() -> None:
    env = TaughtEnv(num_envs=5)
    teachers = {f"t{i}": Constant(10.0 * i) for i in range(4)}
    means = TeacherBank(teachers, 3)(env.get_observations(), torch.tensor([3, 0, 1, 3, 0]))
    assert means[:, 0].tolist() == [30.0, 0.0, 10.0, 30.0, 0.0]
    assert [teacher.asked for teacher in teachers.values()] == [[2], [1], [], [2]]


def test_each_environment_asks_the_teacher_of_its_clip() -> None:
    env = TaughtEnv(num_envs=4)
    env.task.clip = torch.tensor([2, 0, 1, 0])
    teachers = constant_teachers(env, 1.0, 2.0)
    labels, route = teachers(env.get_observations())
    # Clip 2 has no teacher of its own: the last one has it.
    assert labels[:, 2].tolist() == [2.0, 1.0, 2.0, 1.0] and route.tolist() == [1, 0, 1, 0]
    bank = TeacherBank({"a": Constant(1.0), "b": Constant(2.0), "c": Constant(3.0)}, 3)
    labels, route = RoutedTeachers(bank, torch.tensor([2, 0, 2]), env)(env.get_observations())
    assert labels[:, 0].tolist() == [3.0, 3.0, 1.0, 3.0] and route.tolist() == [2, 2, 0, 2]


def changed(env: FakeEnv, what: str) -> FakeEnv:
    if what == "robot":
        env.embodiment.name = "other"
    elif what == "hash":
        env.embodiment.hash = "bbbb"
    elif what in ("mode", "scale", "lead_steps"):
        setattr(env.cfg.task.action, what, {"mode": "absolute", "scale": 0.5, "lead_steps": 1}[what])
    elif what == "rate":
        env.cfg.sim.decimation *= 2
    elif what == "observations":
        env.task.observation_schema = lambda: {"teacher": [["target", 3], ["velocity", 3]]}
    else:
        env.task.observation_schema = lambda: {"student": [["target", 3]]}
    return env


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("robot", "t0.pt: was trained on the robot 'fake', this is 'other'"),
        ("hash", "t0.pt: the robot 'fake' has changed since"),
        ("mode", "t0.pt: task.action.mode: was trained with residual, this is absolute"),
        ("scale", "t0.pt: task.action.scale: was trained with 0.25, this is 0.5"),
        ("lead_steps", "t0.pt: task.action.lead_steps: was trained with 3, this is 1"),
        ("rate", r"t0.pt: sim.dt \* sim.decimation: was trained with 0.02, this is 0.04"),
        ("observations", r"t0.pt: task.observations.teacher: term 2 was history \(3\), this task has velocity \(3\)"),
        ("group", "t0.pt: reads the observation group 'teacher', which this task does not give"),
    ],
)
def test_a_teacher_that_does_not_fit_is_refused(what: str, message: str) -> None:
    env = TaughtEnv()
    taught = sources(env)
    with pytest.raises(AthenaError, match=message):
        TeacherBank.for_env(taught, changed(env, what))


def test_routes_become_indices() -> None:
    routes = {"stand": "balance", "walk": "general", "kick": "balance"}
    assert route_indices(routes, CLIPS, ["general", "balance"], "r.json").tolist() == [0, 1, 1]
    assert route_indices(None, CLIPS, ["general"], "--teacher").tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("routes", "message"),
    [
        ({"walk": "general", "kik": "general"}, "r.json: routes: clip unknown 'kik'; did you mean 'kick'"),
        ({"walk": "genral"}, "r.json: routes.walk: teacher unknown 'genral'; did you mean 'general'"),
        ({"walk": "general"}, r"r.json: routes: 2 clip\(s\) of the corpus have no teacher, the first is 'kick'"),
        (None, r"r.json: 2 teachers \(general, balance\) need a table"),
    ],
)
def test_routes_that_do_not_fit_are_refused(routes: dict | None, message: str) -> None:
    with pytest.raises(AthenaError, match=message):
        route_indices(routes, CLIPS, ["general", "balance"], "r.json")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "r.json: line 1: no JSON"),
        ("[]", "r.json: routes: must map"),
        ('{"routes": {"walk": 1}}', "r.json: routes: must map"),
        (None, "r.json: cannot be read"),
    ],
)
def test_a_damaged_routing_is_one_line(text: str | None, message: str, tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(AthenaError, match=message):
        read_routes(path)


def test_routes_are_read_whatever_stands_beside_them(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    path.write_text(json.dumps({"routes": {"walk": "general"}, "success": {"walk": {"general": 1.0}}}))
    assert read_routes(path) == {"walk": "general"}


def test_a_routing_that_says_what_it_was_made_for_is_taken_at_its_word(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    path.write_text(json.dumps({"routes": {}, "library_version": __version__, "corpus_hash": "abcd"}))
    check_routed_clips(path, "abcd")
    with pytest.raises(AthenaError, match=r"r.json: corpus_hash: the motions are not the clips .*; give the same"):
        check_routed_clips(path, "dcba")
    path.write_text(json.dumps({"routes": {}}))
    check_routed_clips(path, "dcba")
    path.write_text(json.dumps({"routes": {}, "library_version": "0.0.1"}))
    with pytest.raises(AthenaError, match=r"r.json: library_version: was written by athena_wbc 0.0.1, this is "):
        read_routes(path)


def test_a_digest_is_of_all_that_acts() -> None:
    contents = teacher_contents(TaughtEnv(), 0, [16])
    first = digest(contents)
    assert digest(copy.deepcopy(contents) | {"iteration": 9, "run": {"seed": 1}}) == first
    for name in ("mlp.0.weight", "obs_normalizer._mean"):
        other = copy.deepcopy(contents)
        other["algorithm"]["actor_state_dict"][name].view(-1)[0] += 1e-3
        assert digest(other) != first
    assert digest(contents | {"action": {**contents["action"], "scale": 0.3}}) != first


def test_a_run_keeps_its_teachers(tmp_path: Path) -> None:
    env = TaughtEnv()
    save_checkpoint(tmp_path / "one.pt", teacher_contents(env, 1, [16]) | {"environment": {"x": torch.zeros(9)}})
    taught = read_teachers({"one": tmp_path / "one.pt"})
    record = describe(taught)
    assert record["one"]["source"] == str(tmp_path / "one.pt") and record["one"]["iteration"] == 1
    keep_teachers(tmp_path, taught)
    (tmp_path / "one.pt").unlink()
    kept = kept_teachers(tmp_path, record)
    assert "environment" not in kept["one"][1] and digest(kept["one"][1]) == record["one"]["digest"]
    observations = env.get_observations()
    route = torch.zeros(8, dtype=torch.long)
    assert torch.equal(*(TeacherBank.for_env(teachers, env)(observations, route) for teachers in (taught, kept)))
    keep_teachers(tmp_path, {"one": ("x", teacher_contents(env, 2, [16]))})
    with pytest.raises(AthenaError, match=r"one.pt: is not the teacher 'one' that the run was started with"):
        kept_teachers(tmp_path, record)
    (tmp_path / "teachers" / "one.pt").unlink()
    with pytest.raises(AthenaError, match=r"one.pt: no such checkpoint"):
        kept_teachers(tmp_path, record)


@pytest.mark.parametrize("name", ["", "../x", "a b", ".hidden"])
def test_a_teachers_name_can_name_a_file(name: str) -> None:
    check_names(["general", "dynamic-2", "v1.5"])
    with pytest.raises(AthenaError, match="--teacher: "):
        check_names([name])
