"""The benchmark of packed corpora, on a handful of short clips. What it measures is not judged here."""

from __future__ import annotations

import json
import math

import pytest

pytest.importorskip("pyarrow")

from athena_wbc import cli
from athena_wbc.bench import corpus
from athena_wbc.bench.corpus import bench_corpus
from athena_wbc.errors import AthenaError


def test_figures_of_a_small_corpus(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(corpus, "_DIFFERENT", 3)
    assert cli.main("bench corpus --clips 7 --seconds 1 --json".split()) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["clips"] == 7
    assert 7 * 25 <= figures["frames"] <= 7 * 75
    assert figures["bytes_per_frame"] == 144
    assert figures["corpus_GB"] > 144e-9 * figures["frames"]
    assert all(math.isfinite(value) and value >= 0.0 for value in figures.values())
    assert figures["pack_frames_per_cpu_s"] / figures["pack_clips_per_cpu_s"] == pytest.approx(figures["frames"] / 7)


def test_lengths_that_are_none() -> None:
    with pytest.raises(AthenaError, match="--seconds: must be at least"):
        bench_corpus(3, seconds=0.0)
