"""Means over finished episodes, by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from athena_wbc.task.log import ENDINGS, EpisodeLog

NAMES, FAMILIES = ["body_pos", "torque", "root_pos"], ["track", "effort", "track"]


def make() -> EpisodeLog:
    return EpisodeLog(NAMES, FAMILIES, torch.device("cpu"))


def mask(*ids: int) -> Tensor:
    result = torch.zeros(4, dtype=torch.bool)
    result[list(ids)] = True
    return result


def finish(log: EpisodeLog, ids: list[int], timed_out: Tensor, **reasons: Tensor) -> None:
    sums = torch.tensor([[1.0, -1.0, 10.0], [2.0, -2.0, 20.0], [3.0, -3.0, 30.0], [4.0, -4.0, 40.0]])
    log.finish(torch.tensor(ids), sums, torch.tensor([5, 10, 15, 20]), reasons, timed_out)


def test_means_over_the_episodes_that_ended():
    log = make()
    # Environments 0 and 2 fall in one step, 1 ends by time in another; 3 goes on.
    finish(log, [0, 2], mask(), key_body=mask(0, 2, 3), root_tilt=mask(2))
    finish(log, [1], mask(1), key_body=mask(), root_tilt=mask())
    result = log.pop()
    assert result.pop("episode/count") == 3.0
    assert result.pop("episode/length") == pytest.approx((5 + 15 + 10) / 3)
    assert {key: result.pop(f"reward/{key}") for key in NAMES} == pytest.approx(
        {"body_pos": 2.0, "torque": -2.0, "root_pos": 20.0}
    )
    assert result.pop("family/track") == pytest.approx(22.0)
    assert result.pop("family/effort") == pytest.approx(-2.0)
    assert result.pop("reward/total") == pytest.approx(20.0)
    endings = {ending: result.pop(f"ending/{ending}") for ending in ENDINGS}
    expected = dict.fromkeys(ENDINGS, 0.0) | {"key_body": 2 / 3, "root_tilt": 1 / 3, "time_out": 1 / 3}
    assert endings == pytest.approx(expected)
    assert not result


def test_broken_simulations_are_an_ending_of_their_own():
    log = make()
    finish(log, [3], mask(), broken_simulation=mask(3))
    assert log.pop()["ending/broken_simulation"] == 1.0


def test_a_pop_empties_the_log():
    log = make()
    assert log.pop() == {}
    finish(log, [0], mask(0))
    assert log.pop()["episode/count"] == 1.0
    assert log.pop() == {}
    finish(log, [1], mask(1))
    assert log.pop()["reward/body_pos"] == 2.0


def test_state_goes_round():
    log, other = make(), make()
    finish(log, [0, 1], mask(1), key_body=mask(0))
    other.load_state_dict(log.state_dict())
    finish(log, [2], mask(2))
    finish(other, [2], mask(2))
    assert other.pop() == log.pop()
