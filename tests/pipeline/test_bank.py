"""Teachers by name, and banks that do not go together."""

from __future__ import annotations

from pathlib import Path

import pytest

from athena_wbc.errors import AthenaError
from athena_wbc.learning.checkpoint import save_checkpoint
from athena_wbc.pipeline.bank import choose_teachers, open_bank, parse_teachers

ACTION = {"mode": "residual", "scale": 0.25, "lead_steps": 3, "clip": 20.0, "control_dt": 0.02}


def test_names_keep_their_order() -> None:
    teachers = parse_teachers(["general=runs/a", "dynamic=runs/b=c/model_3.pt"])
    assert list(teachers.items()) == [("general", "runs/a"), ("dynamic", "runs/b=c/model_3.pt")]


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        (["runs/a"], "'runs/a' is no NAME=CHECKPOINT"),
        (["=runs/a"], "'=runs/a' is no NAME=CHECKPOINT"),
        (["general="], "'general=' is no NAME=CHECKPOINT"),
        (["a b=runs/a"], "'a b=runs/a' is no NAME=CHECKPOINT"),
        (["a=runs/a", "a=runs/b"], "'a' is named twice"),
    ],
)
def test_a_wrong_teacher_is_one_line(items: list[str], expected: str) -> None:
    with pytest.raises(AthenaError, match=f"--teacher: {expected}"):
        parse_teachers(items)


def test_some_are_left_out() -> None:
    teachers = {"general": "a", "dynamic": "b", "balance": "c"}
    assert list(choose_teachers(teachers)) == ["general", "dynamic", "balance"]
    assert choose_teachers(teachers, ["general"]) == {"dynamic": "b", "balance": "c"}
    with pytest.raises(AthenaError, match=r"--without: unknown 'dynamik'; did you mean 'dynamic'\?"):
        choose_teachers(teachers, ["dynamik"])
    with pytest.raises(AthenaError, match="--teacher: no teacher remains"):
        choose_teachers(teachers, list(teachers))
    with pytest.raises(AthenaError, match="--teacher: no teacher remains"):
        choose_teachers({})


def write(path: Path, robot: dict | None = None, **action: object) -> Path:
    contents = {key: {} for key in ("schema", "config", "algorithm")}
    robot = {"name": "g1", "hash": "aaaa"} | (robot or {})
    save_checkpoint(path, contents | {"version": 1, "iteration": 1, "robot": robot, "action": ACTION | action})
    return path


def test_a_bank_of_files_and_folders(tmp_path: Path) -> None:
    write(tmp_path / "run" / "checkpoints" / "model_2.pt")
    newest = write(tmp_path / "run" / "checkpoints" / "model_10.pt")
    single = write(tmp_path / "b.pt")
    bank = open_bank({"general": tmp_path / "run", "dynamic": single})
    assert [(teacher.name, teacher.path) for teacher in bank] == [("general", newest), ("dynamic", single)]


@pytest.mark.parametrize(
    ("changes", "key", "given", "wanted"),
    [
        ({"robot": {"name": "h1"}}, "robot.name", "h1", "g1"),
        ({"robot": {"hash": "bbbb"}}, "robot.hash", "bbbb", "aaaa"),
        ({"mode": "absolute"}, "task.action.mode", "absolute", "residual"),
        ({"scale": 0.5}, "task.action.scale", "0.5", "0.25"),
        ({"lead_steps": 0}, "task.action.lead_steps", "0", "3"),
        ({"clip": 5.0}, "task.action.clip", "5.0", "20.0"),
        ({"control_dt": 0.01}, r"sim\.dt \* sim\.decimation", "0.01", "0.02"),
    ],
)
def test_another_robot_action_or_rate_is_refused(
    tmp_path: Path, changes: dict, key: str, given: str, wanted: str
) -> None:
    general, other = write(tmp_path / "a.pt"), write(tmp_path / "b.pt", **changes)
    with pytest.raises(
        AthenaError, match=f"b.pt: {key}: teacher 'dynamic' was trained with {given}, 'general' with {wanted}; "
    ):
        open_bank({"general": general, "dynamic": other})


def test_a_checkpoint_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(AthenaError, match=r"gone\.pt: no such checkpoint"):
        open_bank({"general": tmp_path / "gone.pt"})
    with pytest.raises(AthenaError, match="holds no checkpoint"):
        open_bank({"general": tmp_path})
