"""Every move is a person's: bones, floor, gravity, speeds, balance, and what the move is about."""

from __future__ import annotations

import numpy as np
import pytest

from athena_wbc.synthesis.generators.library import LibraryConfig, LibraryGenerator
from athena_wbc.synthesis.generators.library.skeleton import OFFSETS, centre_of_mass
from athena_wbc.synthesis.ground import find_support
from athena_wbc.synthesis.motion import JOINT_NAMES, PARENTS, SyntheticMotion
from athena_wbc.synthesis.prompt import Prompt
from athena_wbc.synthesis.vocabulary import FAMILY, PLAIN, Manner, Move

FPS = 20.0
GENERATOR = LibraryGenerator(LibraryConfig(mocap="none"))
AT = {name: number for number, name in enumerate(JOINT_NAMES)}


def made(*moves: Move, manner: Manner = PLAIN, frames: int = 80, seed: int = 0) -> np.ndarray:
    prompt = Prompt(text="a test", moves=moves, manner=manner)
    return GENERATOR.generate([prompt], frames, seed)[0].positions


def assert_a_person(positions: np.ndarray, told: object = "") -> None:
    bones = np.linalg.norm(positions[:, 1:] - positions[:, list(PARENTS[1:])], axis=-1)
    assert np.abs(bones - np.linalg.norm(OFFSETS[1:], axis=1)).max() < 1e-9, told
    assert positions[..., 2].min() > -0.01, told
    speed = np.linalg.norm(np.diff(positions, axis=0), axis=-1) * FPS
    # Feet in roundhouse kicks and hands in throws of trained people are measured at 10 to 15 m/s.
    assert speed.max() < 13.0, told
    # Off the floor for three frames: only gravity acts, on the centre of mass.
    height = centre_of_mass(positions)[:, 2]
    fall = (height[2:] - 2.0 * height[1:-1] + height[:-2]) * FPS**2
    motion = SyntheticMotion("a", positions, generator="library", is_learned=False, seed=0)
    flies = np.lib.stride_tricks.sliding_window_view(find_support(motion).airborne, 3).all(axis=1)
    assert np.abs(fall[flies] + 9.81).max(initial=0.0) < 0.05 * 9.81, told


@pytest.mark.parametrize("move", FAMILY)
def test_a_move_is_of_a_person(move: str) -> None:
    positions = made(Move(move, side="right"))
    assert positions.shape == (80, 22, 3)
    assert_a_person(positions)
    # Quiet at both ends, upright, heading along x at the start.
    for frame in (0, -1):
        assert positions[frame, AT["head"], 2] > 1.4
    ends = np.linalg.norm(positions[[1, -1]] - positions[[0, -2]], axis=-1) * FPS
    assert ends.max() < 0.5
    across = positions[0, AT["left_hip"]] - positions[0, AT["right_hip"]]
    assert across[1] > 0.99 * np.linalg.norm(across)


@pytest.mark.parametrize("move", [name for name in FAMILY if name != "stand"])
def test_left_is_the_mirror_of_right(move: str) -> None:
    generator = LibraryGenerator(LibraryConfig(mocap="none", noise=0.0))
    right, left = (
        generator.generate([Prompt(text="a", moves=(Move(move, side=side),))], 60, 0)[0].positions
        for side in ("right", "left")
    )
    swapped = [AT[name.replace("left", "#").replace("right", "left").replace("#", "right")] for name in JOINT_NAMES]
    np.testing.assert_allclose(left[:, swapped] * [1.0, -1.0, 1.0], right, atol=1e-8)
    assert np.abs(np.diff(right, axis=0)).max() > 0.005


def test_random_plans_are_of_a_person() -> None:
    rng = np.random.default_rng(3)
    names = list(FAMILY)
    for number in range(100):
        moves = tuple(
            Move(str(rng.choice(names)), height=str(rng.choice(["", "low", "high"])), count=int(rng.integers(1, 3)))
            for _ in range(int(rng.integers(1, 4)))
        )
        manner = Manner(
            tempo=float(rng.uniform(0.7, 1.5)), amplitude=float(rng.uniform(0.7, 1.2)),
            jump=float(rng.uniform(0.8, 1.3)), depth=float(rng.choice([0.0, 0.1])), hold=float(rng.choice([0.0, 0.4])),
            pause=float(rng.choice([0.0, 0.3])), arms=str(rng.choice(["", "guard", "wide"])),
        )  # fmt: skip
        positions = made(*moves, manner=manner, frames=120, seed=number)
        assert positions.shape == (120, 22, 3)
        assert_a_person(positions, (moves, manner))


@pytest.mark.parametrize("move", ["straight_punch", "front_kick", "squat", "balance", "walk", "jump"])
def test_feet_that_stand_stay(move: str) -> None:
    positions = made(Move(move, side="right"))
    for side in ("left", "right"):
        ball = positions[:, AT[f"{side}_foot"]]
        moved = np.linalg.norm(np.diff(ball[:, :2], axis=0), axis=1)
        # Frames before and after that are on the floor as well: neither lifting nor landing.
        stands = np.lib.stride_tricks.sliding_window_view(ball[:, 2], 4).max(axis=1) < 1e-3
        assert stands.sum() > 10
        assert moved[1:-1][stands].max() < 0.01


@pytest.mark.parametrize(
    ("move", "least"), [("front_kick", 0.8), ("side_kick", 0.8), ("round_kick", 0.8), ("axe_kick", 1.1)]
)
def test_a_kick_lifts_the_foot_of_its_side(move: str, least: float) -> None:
    positions = made(Move(move, side="left"), frames=50)
    assert positions[:, AT["left_foot"], 2].max() > least
    assert positions[:, AT["right_foot"], 2].max() < 0.1


def test_heights_of_a_kick() -> None:
    low, middle, high = (
        made(Move("front_kick", side="right", height=height), frames=45)[:, AT["right_foot"], 2].max()
        for height in ("low", "middle", "high")
    )
    assert low + 0.15 < middle < high - 0.15


def test_a_walk_goes_forwards_step_by_step() -> None:
    positions = made(Move("walk", count=6), frames=85)
    assert 2.0 < positions[-1, 0, 0] < 4.5
    apart = np.abs(positions[:, AT["left_foot"], 0] - positions[:, AT["right_foot"], 0])
    assert 0.4 < apart.max() < 0.9
    # Arms swing against the legs.
    legs = positions[:, AT["left_foot"], 0] - positions[:, AT["right_foot"], 0]
    arms = positions[:, AT["left_wrist"], 0] - positions[:, AT["right_wrist"], 0]
    assert np.corrcoef(legs, arms)[0, 1] < -0.6


@pytest.mark.parametrize(("direction", "axis", "sign"), [("forward", 0, 1), ("back", 0, -1), ("left", 1, 1)])
def test_directions_of_a_walk(direction: str, axis: int, sign: int) -> None:
    end = made(Move("walk", direction=direction), frames=70)[-1, 0]
    assert sign * end[axis] > 0.6
    assert abs(end[1 - axis]) < 0.15


@pytest.mark.parametrize("turns", [1.0, -1.0, 2.0])
def test_turns_go_round_as_often_as_said(turns: float) -> None:
    positions = made(Move("spin", turns=turns, side="right"), frames=45 if abs(turns) == 1.0 else 60)
    across = positions[:, AT["left_hip"]] - positions[:, AT["right_hip"]]
    yaw = np.unwrap(np.arctan2(across[:, 1], across[:, 0]))
    assert (yaw[-1] - yaw[0]) / (2.0 * np.pi) == pytest.approx(turns, abs=0.02)


def test_a_body_on_the_floor_has_its_thickness() -> None:
    """A pelvis that rolls over the floor is at the height of half a trunk, and the body goes on by what it rolls."""
    positions = made(Move("roll", side="right"), frames=60)
    assert 0.1 < positions[:, 0, 2].min() < 0.2
    assert positions[:, AT["head"], 2].min() > 0.05
    assert positions[-1, 0, 0] > 0.8


def test_a_lunge_is_no_fall() -> None:
    positions = made(Move("lunge", side="right"), manner=Manner(amplitude=1.4, depth=0.2), frames=60)
    assert positions[:, 0, 2].min() > 0.35
    assert positions[..., 2].min() > -0.01
    assert positions[:, [AT["left_knee"], AT["right_knee"]], 2].min() > 0.0


def test_a_jump_takes_off_as_fast_as_its_flight_is_long() -> None:
    flights = []
    for jump in (0.8, 1.0, 1.3):
        positions = made(Move("jump", side="right"), manner=Manner(jump=jump), frames=45)
        height = centre_of_mass(positions)[:, 2]
        airborne = np.flatnonzero(positions[..., 2].min(axis=1) > 0.01)
        # A body that leaves the ground at v rises by v^2 / 2g, and is back after 2v / g.
        speed = (height[airborne[1]] - height[airborne[0]]) * FPS + 0.5 * 9.81 / FPS
        assert height[airborne].max() - height[airborne[0]] == pytest.approx(speed**2 / (2.0 * 9.81), abs=0.01)
        flights.append(len(airborne) / FPS)
        assert flights[-1] == pytest.approx(2.0 * speed / 9.81, abs=2.0 / FPS)
    assert flights[0] < flights[1] < flights[2]


def test_a_balance_keeps_the_centre_of_mass_over_the_foot() -> None:
    for move in ("balance", "arabesque", "side_scale"):
        positions = made(Move(move, side="right"), manner=Manner(hold=1.0), frames=90)
        still = positions[:, AT["right_foot"], 2] > 0.9 * positions[:, AT["right_foot"], 2].max()
        assert still.sum() >= 15
        over = centre_of_mass(positions)[still, :2] - positions[still, AT["left_ankle"], :2]
        assert np.abs(over).max() < 0.1
