"""How fast motions are packed into a corpus, how soon it is open, and how much memory its library takes."""

from __future__ import annotations

import concurrent.futures
import multiprocessing
import os
import resource
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from athena_wbc.embodiment import Embodiment, get_embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.motion.clip import MotionClip
from athena_wbc.motion.library import MotionLibrary
from athena_wbc.motion.packed.folder import open_packed
from athena_wbc.motion.packed.pack import pack_motions

FPS = 50.0
_DIFFERENT = 200
"""Files that differ; the others are links to them, since writing them would take longer than all that is measured."""
_SPREAD = 0.5
"""Clips last up to this share longer or shorter than the mean."""


def bench_corpus(
    clips: int = 20_000, seconds: float = 7.3, jobs: int = 1, robot: str = "g1", seed: int = 0
) -> dict[str, Any]:
    """Write synthetic motion files to a temporary folder, pack them, open the corpus and load it.

    Args:
        clips: files of this library's own format, at 50 Hz.
        seconds: mean length of a clip; 7.3 is that of BONES-SEED (142,220 motions, 288 h).
        jobs: processes that read.

    Returns:
        pack_clips_per_cpu_s and pack_frames_per_cpu_s, over the processor time of all processes (one core for
        that many seconds); open_s and open_cpu_s until every clip is known; where_s of a filter; in a process of its
        own load_s of the whole library and load_cpu_s, bytes_per_frame of its coordinates and peak_bytes_per_frame,
        by how much the process grew at most, over the frames.

    Raises:
        AthenaError: no clips, a length that is not positive, a full disk.
    """
    if not seconds > 0.1:
        raise AthenaError(f"--seconds: must be at least 0.1, is {seconds:g}")
    embodiment = get_embodiment(robot)
    with tempfile.TemporaryDirectory(prefix="athena-bench-") as folder:
        files, corpus = Path(folder) / "clips", Path(folder) / "corpus"
        _write_files(files, clips, seconds, embodiment, seed)
        before = _processor_time()
        result = pack_motions(files, corpus, embodiment, jobs=jobs)
        spent = _processor_time() - before
        figures: dict[str, Any] = {
            "clips": result.clips,
            "frames": result.frames,
            "hours": result.seconds / 3600.0,
            "corpus_GB": sum(path.stat().st_size for path in corpus.iterdir()) / 1e9,
            "pack_clips_per_cpu_s": result.clips / spent,
            "pack_frames_per_cpu_s": result.frames / spent,
        }
        # A process of its own has not opened the corpus before, and its memory has no earlier peak.
        with concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            figures |= pool.submit(_open_and_load, str(corpus), robot).result()
    return figures


def _open_and_load(folder: str, robot: str) -> dict[str, float]:
    embodiment = get_embodiment(robot)
    # What the first library of a process costs once: imports, the robot's model.
    MotionLibrary([_clip(embodiment, 1.0, np.random.default_rng(0))], embodiment)
    begin, cpu = time.perf_counter(), time.process_time()
    clips = open_packed(folder, embodiment).clips()
    opened, opened_cpu = time.perf_counter() - begin, time.process_time() - cpu
    begin = time.perf_counter()
    open_packed(folder, embodiment).clips("label = 'dynamic' and duration < 5")
    filtered = time.perf_counter() - begin
    before = _resident_bytes()
    begin, cpu = time.perf_counter(), time.process_time()
    library = MotionLibrary(clips, embodiment, memory_budget_gb=0.0)
    loaded, loaded_cpu = time.perf_counter() - begin, time.process_time() - cpu
    frames = sum(clip.num_frames for clip in clips)
    return {
        "open_s": opened,
        "open_cpu_s": opened_cpu,
        "where_s": filtered,
        "load_s": loaded,
        "load_cpu_s": loaded_cpu,
        "bytes_per_frame": library.resident_bytes / frames,
        "peak_bytes_per_frame": (_peak_bytes() - before) / frames,
    }


def _write_files(folder: Path, count: int, seconds: float, embodiment: Embodiment, seed: int) -> None:
    rng = np.random.default_rng(seed)
    lengths = seconds * rng.uniform(1.0 - _SPREAD, 1.0 + _SPREAD, min(count, _DIFFERENT))
    first = [folder / "000" / f"{number:06}.npz" for number in range(len(lengths))]
    for path, length in zip(first, lengths, strict=True):
        _clip(embodiment, length, rng).save(path)
    for number in range(len(lengths), count):
        path = folder / f"{number // 1000:03}" / f"{number:06}.npz"
        path.parent.mkdir(exist_ok=True)
        try:
            os.link(first[number % len(first)], path)
        except OSError:
            shutil.copyfile(first[number % len(first)], path)


def _clip(embodiment: Embodiment, seconds: float, rng: np.random.Generator) -> MotionClip:
    """The robot stands and swings every joint above the legs by its own sinusoid: nothing that a check refuses."""
    time_of = np.arange(max(3, round(seconds * FPS)))[:, None] / FPS
    legs = ("hip", "knee", "ankle")
    width = np.array([0.0 if any(word in name for word in legs) else 0.2 for name in embodiment.joint_names])
    frequency, phase = rng.uniform(0.5, 6.0, (2, embodiment.num_joints))
    frames = len(time_of)
    return MotionClip(
        name="swing",
        fps=FPS,
        root_pos=np.tile((0.0, 0.0, embodiment.default_root_height), (frames, 1)),
        root_quat=np.tile((0.0, 0.0, 0.0, 1.0), (frames, 1)),
        joint_pos=embodiment.default_joint_pos + width * np.sin(frequency * time_of + phase),
        joint_names=embodiment.joint_names,
        robot=embodiment.name,
        robot_hash=embodiment.hash,
        source="synthetic",
        label="dynamic",
    )


def _processor_time() -> float:
    """Of this process and of its children that have ended, s."""
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def _resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _peak_bytes() -> int:
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
