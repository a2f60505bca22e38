"""Damaged files give a clip or the one-line error, and nothing else."""

from __future__ import annotations

import io
import pickle
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest

from athena_wbc.embodiment import Embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.motion.clip import MotionClip
from athena_wbc.motion.formats import read_motion
from tests.motion.formats.test_beyondmimic_npz import arrays_of, bent
from tests.motion.samples import asap_content, gliding, write_csv, write_joblib, write_npz

ROUNDS = 50
_MOST_MEMORY = 200 << 20


def csv(folder: Path, clip: MotionClip, robot: Embodiment) -> Path:
    return write_csv(folder / "walk_30fps.csv", clip)


def joblib(folder: Path, clip: MotionClip, robot: Embodiment) -> Path:
    return write_joblib(folder / "a.pkl", {"one": asap_content(clip), "two": asap_content(clip)})


def compressed(folder: Path, clip: MotionClip, robot: Embodiment) -> Path:
    return write_joblib(folder / "a.pkl", {"one": asap_content(clip)}, compress=True)


def plain(folder: Path, clip: MotionClip, robot: Embodiment) -> Path:
    path = folder / "a.pkl"
    path.write_bytes(pickle.dumps({"one": asap_content(clip)}))
    return path


def beyondmimic(folder: Path, clip: MotionClip, robot: Embodiment) -> Path:
    return write_npz(folder / "a.npz", **arrays_of(bent(robot), robot))


def own(folder: Path, clip: MotionClip, robot: Embodiment) -> Path:
    clip.save(folder / "a.npz")
    return folder / "a.npz"


def mutated(data: bytes, random: np.random.Generator) -> bytes:
    """Cut, flip, overwrite, repeat, drop or insert at a random place, near the front (the headers) every other time."""
    content = bytearray(data)
    reach = len(content) if random.random() < 0.5 else min(len(content), 600)
    for _ in range(random.integers(1, 4)):
        at = int(random.integers(0, max(min(reach, len(content)), 1)))
        span = int(random.integers(1, 40))
        kind = random.integers(0, 7)
        if kind == 0:
            del content[at:]
        elif kind == 1 and at < len(content):
            content[at] ^= 1 << int(random.integers(0, 8))
        elif kind == 2:
            content[at : at + span] = random.bytes(span)
        elif kind == 3:
            content[at : at + span] = content[at : at + span] * 3
        elif kind == 4:
            del content[at : at + span]
        elif kind == 5:
            content[at:at] = random.bytes(span)
        else:
            content[at : at + 8] = b"\xff" * 8
    return bytes(content)


@pytest.mark.parametrize("make", [csv, joblib, compressed, plain, beyondmimic, own])
def test_damage_never_escapes(tmp_path: Path, g1: Embodiment, make) -> None:
    path = make(tmp_path, gliding(g1, frames=12), g1)
    whole = path.read_bytes()
    read_motion(path, robot=g1)
    random = np.random.default_rng(7)
    refused = 0
    tracemalloc.start()
    try:
        for number in range(ROUNDS):
            path.write_bytes(mutated(whole, random))
            try:
                clips = read_motion(path, robot=g1)
            except AthenaError as error:
                refused += 1
                assert str(path) in str(error), number
                assert "\n" not in str(error), number
            else:
                assert all(isinstance(clip, MotionClip) for clip in clips), number
        assert tracemalloc.get_traced_memory()[1] < _MOST_MEMORY
    finally:
        tracemalloc.stop()
    assert refused > ROUNDS // 4


def test_damage_inside_the_compression_never_escapes(tmp_path: Path, g1: Embodiment) -> None:
    """Flipping bits of compressed data only tests its checksum; here what is compressed is damaged."""
    path = write_joblib(tmp_path / "a.pkl", {"one": asap_content(gliding(g1, frames=12))})
    whole = path.read_bytes()
    random = np.random.default_rng(8)
    for number in range(ROUNDS):
        path.write_bytes(zlib.compress(mutated(whole, random)))
        try:
            read_motion(path, robot=g1)
        except AthenaError as error:
            assert str(path) in str(error), number


def test_damage_inside_an_archive_never_escapes(tmp_path: Path, g1: Embodiment) -> None:
    import zipfile

    arrays = arrays_of(bent(g1), g1)
    random = np.random.default_rng(9)
    path = tmp_path / "a.npz"
    for number in range(ROUNDS):
        damaged = list(arrays)[number % len(arrays)]
        with zipfile.ZipFile(path, "w") as archive:
            for key, array in arrays.items():
                stream = io.BytesIO()
                np.save(stream, array)
                data = stream.getvalue()
                archive.writestr(f"{key}.npy", mutated(data[:400], random) + data[400:] if key == damaged else data)
        try:
            read_motion(path, robot=g1)
        except AthenaError as error:
            assert str(path) in str(error), number
