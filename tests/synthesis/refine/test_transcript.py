"""Transcripts as text and as plain values, there and back."""

from __future__ import annotations

import json

import pytest

from athena_wbc.errors import AthenaError
from athena_wbc.synthesis.refine.transcript import Step, Transcript, read_text, transcript_from

STEPS = (
    Step("plan", "see what is asked"),
    Step("analyze", "a kick, then a [turn] & more\nin two lines", data={"tier": 2.0}),
    Step("plan", "generate"),
    Step("generate", "motion 1, not [/generate] the end", 1, {"digest": "ab"}),
    Step("plan", "look", 1),
    Step("assess", "it sinks &#91;", 1, {"score": 40.0}),
    Step("plan", "stop", 1),
)


def test_there_and_back():
    transcript = Transcript(STEPS)
    assert transcript_from(json.loads(json.dumps(transcript.as_dict())), "test") == transcript
    assert read_text(transcript.text(), "test") == [(step.tag, step.text) for step in STEPS]
    assert transcript.text().startswith("[plan]see what is asked[/plan]\n[analyze]")


def test_blocks_out_of_order_are_refused():
    text = Transcript(STEPS).text()
    with pytest.raises(AthenaError, match=r"block 2: is \[plan\] where \[analyze\] is due"):
        read_text(text.replace("analyze]", "plan]"), "file")
    with pytest.raises(AthenaError, match="in the middle of a round"):
        read_text(Transcript(STEPS[:5]).text(), "file")
    with pytest.raises(AthenaError, match="stands outside"):
        read_text(text + "\nand more", "file")
    with pytest.raises(AthenaError, match="file: is no transcript"):
        transcript_from({"steps": [{"tag": "plan"}]}, "file")
    with pytest.raises(AthenaError, match="file: is no transcript"):
        transcript_from([], "file")
