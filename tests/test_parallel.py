from __future__ import annotations

import pytest

from athena_wbc.errors import AthenaError
from athena_wbc.parallel import parallel_map


def square(number: int) -> int:
    if number < 0:
        raise AthenaError(f"{number}: is negative; give another")
    return number * number


@pytest.mark.parametrize("jobs", [1, 2])
def test_results_keep_their_order(jobs: int) -> None:
    assert parallel_map(square, list(range(60)), jobs) == [number * number for number in range(60)]


def test_nothing_to_do() -> None:
    assert parallel_map(square, [], 4) == []


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_error_comes_through(jobs: int) -> None:
    with pytest.raises(AthenaError, match="-1: is negative; give another"):
        parallel_map(square, [1, -1, 2], jobs)
