from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from athena_wbc.embodiment import get_embodiment
from athena_wbc.motion.check import check_clip
from athena_wbc.motion.check_picture import COLOURS, MOST_PICTURES, draw_page, worst_moments
from athena_wbc.motion.findings import KINDS, Finding
from tests.motion.samples import gliding, standing

G1 = get_embodiment("g1")


def pixels(page: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(page)).convert("RGB")).astype(int)


def has_colour(page: bytes, colour: str) -> bool:
    wanted = [int(colour[start : start + 2], 16) for start in (1, 3, 5)]
    return bool((np.abs(pixels(page) - wanted).max(axis=2) <= 2).any())


def finding(kind: str, worst: int = 3, frames: tuple[tuple[int, int], ...] = ((3, 4),)) -> Finding:
    return Finding(kind, "warning", frames, worst, 1.0, "m", "a message")


def test_every_kind_has_a_colour_of_its_own() -> None:
    assert set(COLOURS) == set(KINDS)
    assert len(set(COLOURS.values())) == len(COLOURS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_single_frame_is_seen(kind: str) -> None:
    assert has_colour(draw_page(standing(G1, frames=3000), [finding(kind)], G1), COLOURS[kind])
    assert not has_colour(draw_page(standing(G1, frames=60), [], G1), COLOURS["velocity_spike"])


def test_spans_lie_where_the_frames_are() -> None:
    """The row of the overview covers the second half of the clip: its left end is half way along the time line."""
    clip = standing(G1, frames=100)
    found = [finding("floating", 70, ((50, 100),)), finding("penetration", 10, ((0, 100),))]
    page = pixels(draw_page(clip, found, G1))

    def ends(kind: str) -> tuple[int, int]:
        wanted = [int(COLOURS[kind][start : start + 2], 16) for start in (1, 3, 5)]
        columns = np.flatnonzero((np.abs(page - wanted).max(axis=2) <= 2).sum(axis=0) > 10)
        return columns[0], columns[-1]

    left, right = ends("penetration")
    assert ends("floating") == (pytest.approx(left + 0.5 * (right - left), abs=6), pytest.approx(right, abs=2))


def test_the_same_clip_gives_the_same_bytes_and_pictures_make_it_taller() -> None:
    clip = gliding(G1, speed=0.5)
    found = check_clip(clip, G1)
    page = draw_page(clip, found, G1)
    assert page == draw_page(clip, found, G1)
    taller = draw_page(clip, found, G1, [("frame 3", np.zeros((30, 26, 3), dtype=np.uint8))])
    assert pixels(taller).shape[0] > pixels(page).shape[0] + 100


def test_worst_moments_name_each_frame_once() -> None:
    found = [finding("root_jump", 7), finding("floating", 9), finding("penetration", 7)]
    assert worst_moments(found) == [(7, "root_jump, penetration"), (9, "floating")]
    assert len(worst_moments([finding("floating", frame) for frame in range(20)])) == MOST_PICTURES


def test_two_frames_are_enough() -> None:
    assert draw_page(standing(G1, frames=2), [], G1).startswith(b"\x89PNG")
