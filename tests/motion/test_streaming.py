"""A library of which a window is resident, against one that holds everything."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from athena_wbc.embodiment import get_embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.motion.library import MotionLibrary
from athena_wbc.motion.opening import open_library
from athena_wbc.motion.packed.pack import pack_motions
from athena_wbc.motion.streaming import StreamingLibrary
from tests.motion.samples import random_clip

G1 = get_embodiment("g1")
LENGTHS = (40, 12, 33, 25, 60, 18, 7, 50)
CLIPS = [random_clip(G1, frames, seed).replace(name=f"clip{seed}") for seed, frames in enumerate(LENGTHS)]
GB_PER_FRAME = 144e-9


@pytest.fixture(scope="module")
def whole() -> MotionLibrary:
    return MotionLibrary(CLIPS, G1, memory_budget_gb=0.0)


def streaming(frames: int = 100) -> StreamingLibrary:
    return StreamingLibrary(CLIPS, G1, window_gb=(frames + 0.5) * GB_PER_FRAME)


def assert_same(library: StreamingLibrary, whole: MotionLibrary, clips: list[int]) -> None:
    clip = torch.tensor(clips).repeat_interleave(5)
    step = torch.tensor([-1, 0, 3, 9, 200]).repeat(len(clips))
    found, expected = library.at(clip, step), whole.at(clip, step)
    for field in dataclasses.fields(found):
        assert torch.equal(getattr(found, field.name), getattr(expected, field.name))
    ahead = torch.tensor([[0, 5, 10]]).expand(len(clip), 3)
    assert torch.equal(library.generalised(clip, ahead).joint_vel, whole.generalised(clip, ahead).joint_vel)


def test_what_is_resident_answers_as_if_all_were(whole: MotionLibrary) -> None:
    library = streaming()
    for clips in ([0, 1, 2], [2, 4], [4, 1, 5], [6, 7, 3, 1], [7], [0, 7, 6], []):
        library.load(clips)
        assert sorted(library.resident) == sorted(clips)
        if clips:
            assert_same(library, whole, clips)


def test_what_is_not_resident_raises_instead_of_answering() -> None:
    library = streaming()
    library.load([0, 1])
    library.load([1])
    for clip in (0, 3):
        with pytest.raises(IndexError):
            library.at(torch.tensor([clip]), torch.tensor([0]))


def test_facts_are_of_the_whole_corpus(whole: MotionLibrary) -> None:
    library = streaming()
    assert library.names == whole.names and library.num_clips == 8 and library.streams and not whole.streams
    assert torch.equal(library.num_steps, whole.num_steps) and torch.equal(library.durations, whole.durations)
    assert library.hash == whole.hash
    assert library.clip_index(["clip5"]) == [5]
    assert library.resident_bytes == 144 * 100


def test_require_reads_only_what_is_missing(whole: MotionLibrary, monkeypatch: pytest.MonkeyPatch) -> None:
    from athena_wbc.motion import streaming as module

    library = streaming()
    library.load([0, 1, 2])
    read = []
    write_rows = module.write_rows
    monkeypatch.setattr(module, "write_rows", lambda clip, *rest: (read.append(clip.name), write_rows(clip, *rest)))
    library.require(torch.tensor([2, 0, 2]))
    assert read == [] and library.resident == [0, 1, 2]
    library.require(torch.tensor([2, 4, 2]))
    assert read == ["clip4"] and library.resident == [2, 4]
    assert_same(library, whole, [2, 4])
    whole.require(torch.tensor([0, 7]))


def test_a_window_that_is_too_small() -> None:
    with pytest.raises(AthenaError, match=r"task\.corpus_budget_gb: .* do not hold clip 'clip4'"):
        streaming(59)
    with pytest.raises(AthenaError, match=r"window holds 100 frames, 3 clips that are used at once have 118"):
        streaming().require([0, 4, 5])


def test_the_budget_decides(tmp_path, whole: MotionLibrary, caplog: pytest.LogCaptureFixture) -> None:
    pytest.importorskip("pyarrow")
    for clip in CLIPS:
        clip.save(tmp_path / "clips" / f"{clip.name}.npz")
    options = {"accept": ("orientation", "joint_limits", "gravity")}
    pack_motions(tmp_path / "clips", tmp_path / "corpus", G1, options=options)
    specs = [str(tmp_path / "corpus")]
    resident = open_library(specs, G1, 0.02, corpus_budget_gb=245.5 * GB_PER_FRAME)
    assert type(resident) is MotionLibrary and not caplog.records
    library = open_library(specs, G1, 0.02, corpus_budget_gb=200.5 * GB_PER_FRAME)
    assert isinstance(library, StreamingLibrary) and "task.corpus_budget_gb" in caplog.text
    assert library.hash == resident.hash
    library.load([3, 4, 7])
    assert_same(library, MotionLibrary(resident_clips(specs), G1, memory_budget_gb=0.0), [3, 4, 7])


def resident_clips(specs: list[str]):
    from athena_wbc.motion.corpus import find_motions

    return find_motions(specs, G1)
