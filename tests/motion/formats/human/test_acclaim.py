from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from athena_wbc.errors import AthenaError
from athena_wbc.motion.formats.human import read_human
from tests.motion.formats.human import people

UNIT = 0.0254 / 0.45


@pytest.mark.parametrize(
    ("axis", "expected"), [("0 0 0", (0.0, 0.5, -np.sqrt(0.75))), ("0 90 0", (-0.5, 0.0, -(0.75**0.5)))]
)
def test_bones_turn_in_their_own_frames(tmp_path: Path, axis: str, expected: tuple) -> None:
    """30 degrees about the tibia's own x, which after 90 degrees about y is the skeleton's -z."""
    (motion,) = read_human(people.write_acclaim(tmp_path / "01_01.amc", axis=axis))
    shank = motion.landmark("left_ankle")[0] - motion.landmark("left_knee")[0]
    np.testing.assert_allclose(shank, np.multiply(expected, 7.3 * UNIT), atol=1e-6)
    assert motion.fps == 120.0


def test_the_skeleton_of_the_subject_is_looked_for(tmp_path: Path) -> None:
    file = people.write_acclaim(tmp_path / "01_01.amc")
    file.with_suffix(".asf").rename(tmp_path / "01.asf")
    (tmp_path / "02.asf").write_text("other")
    assert any("skeleton from 01.asf" in step for step in read_human(file)[0].history)
    (tmp_path / "01.asf").rename(tmp_path / "03.asf")
    with pytest.raises(AthenaError, match=r"01\.asf is not beside it \(2 other"):
        read_human(file)


def test_another_skeleton_is_refused(tmp_path: Path) -> None:
    file = people.write_acclaim(tmp_path / "01_01.amc")
    file.write_text(file.read_text().replace("ltibia 30", "ltibia 30 4"))
    with pytest.raises(AthenaError, match="ltibia: has"):
        read_human(file)
