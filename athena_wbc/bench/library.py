"""What a corpus costs to keep in memory and to query, on synthetic motions of any length."""

from __future__ import annotations

import math
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from athena_wbc.embodiment import Embodiment, get_embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.motion.library import MotionLibrary, PackedClips

FPS = 50.0
CLIP_SECONDS = (5.0, 55.0)
"""Clips last between these, uniformly: 176 hours are 21 thousand clips."""

CACHED_HOURS = 1.0
"""Length of the corpus on which the cache at control rate is measured, at most."""

FUTURE = 10
"""Future frames of one query of `generalised`, five control steps apart."""

_BATCHES = 8
"""Different random queries, so that the rows of one call are not in the processor's cache at the next."""


def bench_library(
    hours: float = 176.0,
    robot: str = "g1",
    num_envs: tuple[int, ...] = (512, 4096),
    seconds: float = 1.0,
    seed: int = 0,
    device: str = "cpu",
) -> dict[str, Any]:
    """Measure the library above its memory budget (forward kinematics in every query) and below it (looked up).

    Args:
        hours: length of the corpus at 50 Hz. 176 hours take 4.6 GB.
        num_envs: environments that query at once.
        seconds: how long each kind of query is measured.

    Returns:
        bytes_per_frame and resident_GB of the corpus; open_s, from packed arrays in memory to the first answer;
        and under `kinematics` and `cached` the queries/s of environments (one query of `generalised` is 10 future
        frames), keys `at_<envs>_per_s` and `generalised_<envs>_per_s`. `cached` also has its own hours, cache_GB and
        build_s: its corpus is one hour at most.

    Raises:
        AthenaError: hours that are not positive, or more than the memory holds.
    """
    embodiment = get_embodiment(robot)
    _check_hours(hours, embodiment)
    packed = synthetic_corpus(hours, embodiment, seed)
    begin = time.perf_counter()
    library = MotionLibrary(packed, embodiment, device=device, memory_budget_gb=0.0)
    _first_answer(library)
    opened = time.perf_counter() - begin
    frames = int(packed.num_frames.sum())
    figures = {
        "hours": frames / FPS / 3600.0,
        "clips": library.num_clips,
        "frames": frames,
        "bytes_per_frame": library.resident_bytes / frames,
        "resident_GB": library.resident_bytes / 1e9,
        "open_s": opened,
        "kinematics": _rates(library, num_envs, seconds, seed),
    }
    del library, packed
    short = synthetic_corpus(min(hours, CACHED_HOURS), embodiment, seed)
    begin = time.perf_counter()
    library = MotionLibrary(short, embodiment, device=device, memory_budget_gb=math.inf)
    _first_answer(library)
    built = time.perf_counter() - begin
    figures["cached"] = {
        "hours": int(short.num_frames.sum()) / FPS / 3600.0,
        "cache_GB": library.cache_bytes / 1e9,
        "build_s": built,
        **_rates(library, num_envs, seconds, seed),
    }
    return figures


def synthetic_corpus(hours: float, embodiment: Embodiment, seed: int = 0) -> PackedClips:
    """Clips at 50 Hz, two at least, in which every coordinate is a sinusoid of its own frequency and phase."""
    rng = np.random.default_rng(seed)
    total = round(hours * 3600.0 * FPS)
    count = max(2, round(total / FPS / statistics.fmean(CLIP_SECONDS)))
    drawn = rng.uniform(*CLIP_SECONDS, count)
    lengths = np.maximum(drawn * total / drawn.sum(), 2.0).astype(np.int64)
    lengths[-1] += max(total - lengths.sum(), 0)
    width = 7 + embodiment.num_joints
    coordinates = np.empty((lengths.sum(), width), dtype=np.float32)
    time_of = np.arange(lengths.max(), dtype=np.float32)[:, None] / np.float32(FPS)
    for rows in np.split(coordinates, np.cumsum(lengths)[:-1]):
        frequency, phase = rng.uniform(0.5, 2.0 * math.pi, (2, width)).astype(np.float32)
        np.sin(time_of[: len(rows)] * frequency + phase, out=rows)
        rows[:, 6] += 2.0  # A quaternion that is never near zero.
        rows[:, 3:7] /= np.linalg.norm(rows[:, 3:7], axis=1, keepdims=True)
    return PackedClips(
        coordinates=coordinates,
        num_frames=lengths,
        fps=np.full(count, FPS),
        names=tuple(f"clip {number}" for number in range(count)),
        labels=("",) * count,
    )


def _check_hours(hours: float, embodiment: Embodiment) -> None:
    if not (math.isfinite(hours) and hours * 3600.0 >= 1.0):
        raise AthenaError(f"--hours: must be at least a second, is {hours:g} hours; 176 is the corpus of the paper")
    needed = hours * 3600.0 * FPS * 4 * (7 + embodiment.num_joints)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > 0.8 * memory:
        raise AthenaError(
            f"--hours: {hours:g} hours take {needed / 1e9:.1f} GB, this machine has {memory / 1e9:.1f} GB; "
            "ask for fewer hours"
        )


def _first_answer(library: MotionLibrary) -> None:
    everyone = torch.zeros(1, dtype=torch.long, device=library.device)
    library.at(everyone, everyone)
    _wait(library)


def _rates(library: MotionLibrary, num_envs: tuple[int, ...], seconds: float, seed: int) -> dict[str, float]:
    """Queries/s of both kinds for every number of environments, medians over calls."""
    generator = torch.Generator().manual_seed(seed)
    ahead = 5 * torch.arange(1, FUTURE + 1, device=library.device)
    rates = {}
    for count in num_envs:
        clips = torch.randint(library.num_clips, (_BATCHES, count), generator=generator).to(library.device)
        share = torch.rand(_BATCHES, count, generator=generator).to(library.device)
        steps = (share * library.num_steps[clips]).long()
        kinds: dict[str, Callable[[int], object]] = {
            "at": lambda call, clips=clips, steps=steps: library.at(clips[call], steps[call]),
            "generalised": lambda call, clips=clips, steps=steps: library.generalised(
                clips[call], steps[call].unsqueeze(-1) + ahead
            ),
        }
        for kind, query in kinds.items():
            rates[f"{kind}_{count}_per_s"] = count / _seconds_of(query, library, seconds)
    return rates


def _seconds_of(query: Callable[[int], object], library: MotionLibrary, seconds: float) -> float:
    """Median time of a call, after one round that is not counted."""
    for call in range(_BATCHES):
        query(call)
    spent: list[float] = []
    while sum(spent) < seconds or len(spent) < _BATCHES:
        _wait(library)
        begin = time.perf_counter()
        query(len(spent) % _BATCHES)
        _wait(library)
        spent.append(time.perf_counter() - begin)
    return statistics.median(spent)


def _wait(library: MotionLibrary) -> None:
    if library.device.type == "cuda":
        torch.cuda.synchronize(library.device)
