from __future__ import annotations

import pytest

from athena_wbc.embodiment import Embodiment, get_embodiment


@pytest.fixture(scope="session")
def g1() -> Embodiment:
    return get_embodiment("g1")
