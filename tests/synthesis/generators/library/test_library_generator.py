"""What the generator promises: length, determinism, takes, manner, provenance, recordings, settings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from athena_wbc.errors import AthenaError
from athena_wbc.synthesis.bank_file import load_bank
from athena_wbc.synthesis.convert import ConversionConfig, prepare
from athena_wbc.synthesis.filters import FilterConfig, failures, run_filters
from athena_wbc.synthesis.generators.library import LibraryConfig, LibraryGenerator
from athena_wbc.synthesis.generators.library import compose as composition
from athena_wbc.synthesis.generators.registry import make_generator
from athena_wbc.synthesis.prompt import Prompt
from athena_wbc.synthesis.protocols import Generator
from athena_wbc.synthesis.sampling import sample_prompts
from athena_wbc.synthesis.vocabulary import Manner, Move

PLAN = (Move("straight_punch", side="right"), Move("round_kick", side="right"))


def speed_of(prompt: Prompt, noise: float = 0.0) -> tuple[float, float]:
    """Mean joint speed in m/s and acceleration in m/s^2."""
    generator = LibraryGenerator(LibraryConfig(mocap="none", noise=noise))
    positions = generator.generate([prompt], 120, 0)[0].positions
    velocity = np.diff(positions, axis=0) * 20.0
    acceleration = np.diff(velocity, axis=0) * 20.0
    return float(np.linalg.norm(velocity, axis=-1).mean()), float(np.linalg.norm(acceleration, axis=-1).mean())


def test_it_is_a_generator_that_has_not_learnt() -> None:
    generator = make_generator("library", {"mocap": "none"}, "test")
    assert isinstance(generator, Generator)
    assert generator.name == "library"
    motions = generator.generate([Prompt(text="nothing said")], 40, 0)
    assert motions[0].is_learned is False
    assert motions[0].num_frames == 40
    # A prompt without moves stands.
    assert np.ptp(motions[0].positions[:, 0], axis=0).max() < 0.05
    assert motions[0].provenance["moves"][0]["move"] == "stand"


def test_a_motion_depends_on_prompt_frames_and_seed_alone() -> None:
    generator = LibraryGenerator(LibraryConfig(mocap="none"))
    prompts = [Prompt(text=move, moves=(Move(move),)) for move in ("walk", "front_kick", "squat")]
    together = generator.generate(prompts, 80, 4)
    alone = generator.generate(prompts[1:2], 80, 4)[0]
    assert together[1].digest == alone.digest
    assert generator.generate(prompts[1:2], 80, 5)[0].digest != alone.digest
    quiet = LibraryGenerator(LibraryConfig(mocap="none", noise=0.0))
    sided = [Prompt(text="a", moves=(Move("squat", side="right"),))]
    assert quiet.generate(sided, 80, 4)[0].digest == quiet.generate(sided, 80, 5)[0].digest


@pytest.mark.parametrize("frames", [20, 61, 120, 196])
def test_a_motion_has_the_frames_that_are_asked_for(frames: int) -> None:
    motion = LibraryGenerator(LibraryConfig(mocap="none")).generate([Prompt(text="a", moves=PLAN)], frames, 0)[0]
    assert motion.num_frames == frames


@pytest.mark.parametrize("value", [-1, 19, 2001])
def test_frames_out_of_range_are_refused(value: int) -> None:
    with pytest.raises(AthenaError, match="frames"):
        LibraryGenerator(LibraryConfig(mocap="none")).generate([Prompt(text="a")], value, 0)


def test_moves_come_in_order_and_are_repeated_while_they_fit() -> None:
    motion = LibraryGenerator(LibraryConfig(mocap="none")).generate([Prompt(text="a", moves=PLAN)], 160, 0)[0]
    shown = [part["move"] for part in motion.provenance["moves"]]
    assert shown[:3] == ["straight_punch", "round_kick", "straight_punch"]
    assert not motion.provenance["left_out"]


def test_what_does_not_fit_is_left_out_and_told() -> None:
    moves = (Move("front_kick", count=6, side="right"), Move("cartwheel"))
    motion = LibraryGenerator(LibraryConfig(mocap="none")).generate([Prompt(text="a", moves=moves)], 80, 0)[0]
    shown = [part["move"] for part in motion.provenance["moves"]]
    # Repetitions go before a move does.
    assert shown[-1] == "cartwheel"
    assert len(motion.provenance["left_out"]) == 7 - len(shown) > 0


def test_both_sides_take_turns() -> None:
    moves = (Move("front_kick", count=3, side="both"),)
    motion = LibraryGenerator(LibraryConfig(mocap="none")).generate([Prompt(text="a", moves=moves)], 140, 0)[0]
    sides = [part["side"] for part in motion.provenance["moves"][:3]]
    assert sides in (["left", "right", "left"], ["right", "left", "right"])


@pytest.mark.parametrize("key", ["tempo", "amplitude"])
@pytest.mark.parametrize(
    "moves", [PLAN, (Move("squat", side="right"),), (Move("jump", side="right"),), (Move("front_kick", side="right"),)]
)
def test_tempo_and_amplitude_make_it_harder(key: str, moves: tuple[Move, ...]) -> None:
    speeds, accelerations = zip(
        *(speed_of(Prompt(text="a", moves=moves, manner=Manner(**{key: value}))) for value in (0.6, 1.0, 1.4)),
        strict=True,
    )
    assert speeds[0] < speeds[1] < speeds[2]
    assert accelerations[0] < accelerations[1] < accelerations[2]


@pytest.mark.parametrize("move", ["walk", "run", "march", "skip", "side_step", "shuffle", "back_step", "zigzag"])
def test_a_gait_is_faster_at_a_higher_tempo(move: str) -> None:
    """Its steps are quicker, and there are more of them in the same time; a runner's twelve are done in 5 s."""
    speeds, accelerations = zip(
        *(
            speed_of(Prompt(text="a", moves=(Move(move, side="right"),), manner=Manner(tempo=t)))
            for t in (0.6, 0.8, 1.0)
        ),
        strict=True,
    )
    assert speeds[0] < speeds[1] < speeds[2]
    assert accelerations[0] < accelerations[1] < accelerations[2]


def test_what_the_bank_asks_for_survives_the_filters() -> None:
    generator = LibraryGenerator(LibraryConfig(mocap="none"))
    prompts = sample_prompts(load_bank(), 4, 0)
    dropped = {
        prompt.text: [result.reason for result in failures(run_filters(motion, FilterConfig()))]
        for prompt, motion in zip(
            prompts,
            (prepare(motion, ConversionConfig()) for motion in generator.generate(prompts, 120, 0)),
            strict=True,
        )
    }
    assert len(dropped) == 20
    assert not any(dropped.values()), dropped


def test_jumps_and_turns_make_it_harder() -> None:
    jumps = [speed_of(Prompt(text="a", moves=(Move("tuck_jump"),), manner=Manner(jump=j)))[0] for j in (0.7, 1.0, 1.4)]
    assert jumps[0] < jumps[1] < jumps[2]
    # Three quick turns at once fit into the clip only twice: six turns, as with three times two.
    for move, turns in (("spin", (0.5, 1.0, 2.0)), ("pirouette", (0.5, 1.0, 2.0, 3.0))):
        speeds = [speed_of(Prompt(text="a", moves=(Move(move, turns=t, side="right"),)))[0] for t in turns]
        assert speeds == sorted(set(speeds))


def test_tempo_does_not_change_gravity() -> None:
    """The flight of a jump lasts as long at any tempo."""
    flights = []
    for tempo in (0.7, 1.0, 1.4):
        prompt = Prompt(text="a", moves=(Move("jump", side="right"),), manner=Manner(tempo=tempo))
        generator = LibraryGenerator(LibraryConfig(mocap="none", noise=0.0))
        positions = generator.generate([prompt], 45, 0)[0].positions
        flights.append(int((positions[..., 2].min(axis=1) > 0.02).sum()))
    assert max(flights) - min(flights) <= 1


def test_depth_lean_and_arms() -> None:
    generator = LibraryGenerator(LibraryConfig(mocap="none", noise=0.0))

    def shown(**manner: object) -> np.ndarray:
        moves = (Move("walk", count=4, side="right"),)
        return generator.generate([Prompt(text="a", moves=moves, manner=Manner(**manner))], 70, 0)[0].positions

    plain = shown()
    assert shown(depth=0.15)[20:40, 0, 2].mean() < plain[20:40, 0, 2].mean() - 0.08
    ahead = (shown(lean=0.4) - plain)[20:40, 15, 0].mean() - (shown(lean=0.4) - plain)[20:40, 0, 0].mean()
    assert ahead > 0.1
    assert shown(arms="overhead")[30, 20, 2] > plain[30, 20, 2] + 0.8


def test_a_hold_is_still() -> None:
    prompt = Prompt(text="a", moves=(Move("side_bend"),), manner=Manner(hold=1.0))
    positions = LibraryGenerator(LibraryConfig(mocap="none")).generate([prompt], 70, 0)[0].positions
    middle = np.argmin(positions[:, 15, 2])
    window = positions[middle - 3 : middle + 4, 15]
    assert np.ptp(window, axis=0).max() < 0.06


def test_recordings_are_told_with_clip_and_licence(shared_motions: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(composition, "_RECORDED", 1.1)
    folder = shared_motions / "deepmimic_human"
    generator = LibraryGenerator(LibraryConfig(mocap=str(folder)))
    for move in ("jump", "straight_punch", "spin_kick", "side_kick"):
        for side in ("left", "right"):
            motion = generator.generate([Prompt(text="a", moves=(Move(move, side=side),))], 100, 0)[0]
            part = motion.provenance["moves"][0]
            assert part["source"] == "recording"
            assert part["clip"].startswith("humanoid3d_")
            assert len(part["sha256"]) == 64
            assert motion.is_learned is False
            assert "DeepMimic" in motion.licence and "MIT" in part["attribution"]
            lowest = motion.positions[..., 2].min(axis=1)
            assert lowest.min() > -0.01
            speed = np.linalg.norm(np.diff(motion.positions, axis=0), axis=-1) * 20.0
            assert speed.max() < 14.0


def test_a_folder_without_clips_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AthenaError, match="humanoid3d"):
        LibraryGenerator(LibraryConfig(mocap=str(tmp_path)))
    with pytest.raises(AthenaError, match="no folder"):
        LibraryGenerator(LibraryConfig(mocap="pybulet"))
    with pytest.raises(AthenaError, match="noise"):
        LibraryGenerator(LibraryConfig(noise=-1.0))
