from __future__ import annotations

import pytest

from athena_tasks import find_task, task_entries
from athena_wbc.errors import AthenaError


def test_every_robot_has_two_tasks() -> None:
    train, play = find_task("Athena-Tracking-G1-v0"), find_task("Athena-Tracking-G1-Play-v0")
    assert (train.robot, train.play) == ("g1", False)
    assert (play.robot, play.play) == ("g1", True)
    assert find_task("Athena-Tracking-Athena80-v0").robot == "athena80"
    assert find_task("Athena-Tracking-Junior35-Play-v0").robot == "junior35"


def test_a_new_robot_brings_its_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("athena_tasks.embodiment_names", lambda: ("atlas", "h1_2"))
    assert list(task_entries()) == [
        "Athena-Tracking-Atlas-v0",
        "Athena-Tracking-Atlas-Play-v0",
        "Athena-Tracking-H1_2-v0",
        "Athena-Tracking-H1_2-Play-v0",
    ]


def test_an_unknown_task_suggests_the_nearest() -> None:
    with pytest.raises(AthenaError, match="did you mean 'Athena-Tracking-G1-v0'"):
        find_task("Athena-Traking-G1-v0")
