"""Damaged files give a clip or the one-line error, and nothing else."""

from __future__ import annotations

import io
import pickle
import time
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest

from athena_wbc.embodiment import Embodiment, get_embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.motion.clip import MotionClip
from athena_wbc.motion.formats import read_motion
from tests.motion.formats import robot_files as files
from tests.motion.formats.test_beyondmimic_npz import arrays_of, bent
from tests.motion.samples import asap_content, gliding, write_csv, write_joblib, write_npz

ROUNDS = 200
"""Damaged files of each format. Ten thousand over all were read by hand, with `survey`."""

_MOST_MEMORY = 200 << 20
_MOST_SECONDS = 2.0
"""CPU time of one file of some tens of kilobytes; a whole one takes a hundredth of it."""


def csv(folder: Path, clip: MotionClip, robot: Embodiment) -> Path:
    return write_csv(folder / "walk_30fps.csv", clip)


def asap_joblib(folder: Path, clip: MotionClip, robot: Embodiment) -> Path:
    return write_joblib(folder / "a.pkl", {"one": asap_content(clip), "two": asap_content(clip)})


def asap_compressed(folder: Path, clip: MotionClip, robot: Embodiment) -> Path:
    return write_joblib(folder / "a.pkl", {"one": asap_content(clip)}, compress=True)


def asap_plain(folder: Path, clip: MotionClip, robot: Embodiment) -> Path:
    path = folder / "a.pkl"
    path.write_bytes(pickle.dumps({"one": asap_content(clip)}))
    return path


def beyondmimic(folder: Path, clip: MotionClip, robot: Embodiment) -> Path:
    return write_npz(folder / "a.npz", **arrays_of(clip, robot))


def athena(folder: Path, clip: MotionClip, robot: Embodiment) -> Path:
    clip.save(folder / "a.npz")
    return folder / "a.npz"


MAKERS = {make.__name__: make for make in (csv, asap_joblib, asap_compressed, asap_plain, beyondmimic, athena)}
MAKERS |= files.WRITERS | {"holosoma_object": files.holosoma_object}
OTHERS = {"amp_txt": files.amp_txt, "locomujoco": files.locomujoco, "poselib": files.poselib}
"""Makers of files for other robots than the G1."""


def survey(folder: Path, name: str, rounds: int, seed: int) -> tuple[int, int]:
    """Read `rounds` damaged files of a format: either a clip or the one-line error, soon and in little memory.

    Returns:
        How many were refused, and how many of these for a reason of the format's own.
    """
    robot = get_embodiment("g1")
    if name in OTHERS:
        robot = files.split_robot(folder) if name == "poselib" else files.tienkung_robot(folder)
    path = (MAKERS | OTHERS)[name](folder, bent(robot) if robot.name == "g1" else gliding(robot, frames=12), robot)
    beside = path.with_name("meta.json")
    targets = [path, beside] if beside.is_file() else [path]
    whole = {target: target.read_bytes() for target in targets}
    accept = ["orientation"] if name in OTHERS else []
    read_motion(path, robot=robot, accept=accept)
    random = np.random.default_rng(seed)
    refused = known = 0
    for number in range(rounds):
        target = targets[number % len(targets)]
        damage = inside if number % 3 == 2 and zipfile.is_zipfile(target) else mutated
        target.write_bytes(damage(whole[target], random))
        began = time.process_time()
        try:
            clips = read_motion(path, robot=robot, accept=accept)
        except AthenaError as error:
            refused += 1
            known += "no reader knows this file" not in str(error)
            assert str(path) in str(error), (name, seed, number)
            assert "\n" not in str(error), (name, seed, number)
        else:
            assert clips and all(isinstance(clip, MotionClip) for clip in clips), (name, seed, number)
        took = time.process_time() - began
        assert took < _MOST_SECONDS, (name, seed, number, took)
        target.write_bytes(whole[target])
    return refused, known


def inside(data: bytes, random: np.random.Generator) -> bytes:
    """Damage one member of an archive and pack it again, so that its checksum is right."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {entry.filename: archive.read(entry) for entry in archive.infolist()}
    damaged = list(members)[random.integers(0, len(members))]
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in members.items():
            head = mutated(content[:400], random) + content[400:] if name == damaged else content
            archive.writestr(name, head)
    return stream.getvalue()


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


@pytest.mark.parametrize("name", MAKERS | OTHERS)
def test_damage_never_escapes(tmp_path: Path, name: str) -> None:
    tracemalloc.start()
    try:
        refused, known = survey(tmp_path, name, ROUNDS, seed=7)
        assert tracemalloc.get_traced_memory()[1] < _MOST_MEMORY
    finally:
        tracemalloc.stop()
    assert refused > ROUNDS // 5
    assert known > ROUNDS // 20


def test_damage_inside_the_compression_never_escapes(tmp_path: Path, g1: Embodiment) -> None:
    """Flipping bits of compressed data only tests its checksum; here what is compressed is damaged."""
    path = write_joblib(tmp_path / "a.pkl", {"one": asap_content(gliding(g1, frames=12))})
    whole = path.read_bytes()
    random = np.random.default_rng(8)
    for number in range(50):
        path.write_bytes(zlib.compress(mutated(whole, random)))
        try:
            read_motion(path, robot=g1)
        except AthenaError as error:
            assert str(path) in str(error), number
