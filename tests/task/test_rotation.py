"""Which clips are resident when: coverage, the sampler's share, and going on after a stop."""

from __future__ import annotations

import pytest
import torch

from athena_wbc.embodiment import get_embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.motion.streaming import StreamingLibrary
from athena_wbc.task.config import SamplerConfig, StreamingConfig
from athena_wbc.task.rotation import Rotation
from athena_wbc.task.sampler import AdaptiveSampler
from tests.motion.samples import standing

G1 = get_embodiment("g1")
GB_PER_FRAME = 144e-9


def make(
    lengths: list[int], window: int, seed: int = 0, **config: float
) -> tuple[Rotation, StreamingLibrary, AdaptiveSampler]:
    clips = [standing(G1, frames, 50.0, name=f"clip{index}") for index, frames in enumerate(lengths)]
    library = StreamingLibrary(clips, G1, window_gb=(window + 0.5) * GB_PER_FRAME)
    sampler = AdaptiveSampler(SamplerConfig(), library.num_steps, 0.02)
    generator = torch.Generator().manual_seed(seed)
    return Rotation(StreamingConfig(interval_s=0.04, **config), library, sampler, 0.02, generator), library, sampler


def rotate(rotation: Rotation) -> torch.Tensor:
    assert rotation.step() is None
    gone = rotation.step()
    assert gone is not None
    return gone


@pytest.mark.parametrize("seed", range(12))
def test_every_clip_comes_by_within_a_cycle_whenever_it_begins(seed: int) -> None:
    random = torch.Generator().manual_seed(seed)
    lengths = torch.randint(2, 60, (37,), generator=random).tolist()
    share = torch.rand(2, generator=random).tolist()
    rotation, library, _ = make(lengths, 150, seed, exchange=0.05 + 0.9 * share[0], drawn=share[1])
    assert rotation.cycle >= 1
    # The ring's own part alone: what is drawn comes by chance.
    history = []
    for _ in range(3 * rotation.cycle):
        rotate(rotation)
        assert set(rotation._arc) <= set(library.resident)
        assert sum(lengths[clip] for clip in library.resident) <= library.window_frames
        history.append(set(rotation._arc))
    for start in range(len(history) - rotation.cycle + 1):
        assert set().union(*history[start : start + rotation.cycle]) == set(range(37))


def test_one_clip_that_fills_the_window() -> None:
    rotation, library, _ = make([50, 10, 50, 50], 50)
    seen = set(library.resident)
    for _ in range(rotation.cycle):
        rotate(rotation)
        seen |= set(library.resident)
    assert seen == {0, 1, 2, 3}


def test_a_corpus_that_fits_stays() -> None:
    rotation, library, _ = make([10, 20, 30], 60, drawn=0.0)
    assert sorted(library.resident) == [0, 1, 2]
    assert not rotate(rotation).any() and sorted(library.resident) == [0, 1, 2]


def test_what_is_gone_is_what_is_not_resident() -> None:
    rotation, library, _ = make([20] * 30, 200)
    gone = rotate(rotation)
    assert gone.sum() == 20 and not gone[library.resident].any()
    assert rotation.rotations == 1


def test_the_sampler_draws_what_is_resident_and_keeps_the_rest() -> None:
    rotation, library, sampler = make([20] * 30, 200)
    sampler.bin_difficulty[:] = torch.linspace(0.1, 2.0, 30)
    before = sampler.bin_difficulty.clone()
    generator = torch.Generator().manual_seed(1)
    for _ in range(5):
        rotate(rotation)
        clip, _ = sampler.sample(4000, generator)
        assert set(clip.tolist()) == set(library.resident)
        probabilities = sampler.probabilities()
        assert float(probabilities.sum()) == pytest.approx(1.0)
        assert (probabilities > 0).nonzero().squeeze(1).tolist() == sorted(library.resident)
    assert torch.equal(sampler.bin_difficulty, before)
    assert 0.0 < sampler.entropy() <= 1.0


def test_hard_clips_are_resident_more_often() -> None:
    rotation, library, sampler = make([20] * 60, 200, drawn=0.5)
    sampler.bin_difficulty[:] = 0.0
    sampler.bin_difficulty[:6] = 2.0
    counts = torch.zeros(60)
    for _ in range(200):
        rotate(rotation)
        counts[library.resident] += 1
    assert counts[:6].mean() > 2.0 * counts[6:].mean()
    assert counts.min() > 0


def test_going_on_after_a_stop_is_as_if_there_had_been_none() -> None:
    def run(rotation: Rotation, library: StreamingLibrary, count: int) -> list[list[int]]:
        found = []
        for _ in range(count):
            rotation.step()
            found.append(sorted(library.resident))
        return found

    rotation, library, _ = make([20, 30, 40] * 10, 200)
    run(rotation, library, 7)
    state, draws = rotation.state_dict(), rotation.generator.get_state()
    resident = sorted(library.resident)
    expected = run(rotation, library, 20)
    again, other, sampler = make([20, 30, 40] * 10, 200, seed=99)
    assert sorted(other.resident) != resident
    again.load_state_dict(state)
    again.generator.set_state(draws)
    assert sorted(other.resident) == resident
    assert (sampler.probabilities() > 0).nonzero().squeeze(1).tolist() == resident
    assert run(again, other, 20) == expected
    assert again.state_dict()["rotations"] == rotation.rotations


@pytest.mark.parametrize(("key", "value"), [("interval_s", 0.0), ("exchange", 0.0), ("exchange", 1.5), ("drawn", -0.1)])
def test_values_out_of_range(key: str, value: float) -> None:
    clips = [standing(G1, 10, 50.0)]
    library = StreamingLibrary(clips, G1, window_gb=1e-3)
    sampler = AdaptiveSampler(SamplerConfig(), library.num_steps, 0.02)
    with pytest.raises(AthenaError, match=rf"task\.streaming\.{key}"):
        Rotation(StreamingConfig(**{key: value}), library, sampler, 0.02, torch.Generator())
