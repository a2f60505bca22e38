"""Transcripts as text and as plain values."""

from __future__ import annotations

import json

from athena_wbc.synthesis.refine.transcript import Step, Transcript

STEPS = (
    Step("plan", "see what is asked"),
    Step("analyze", "a kick, then a [turn] & more\nin two lines", data={"tier": 2.0}),
    Step("generate", "motion 1, not [/generate] the end", 1, {"digest": "ab"}),
)


def test_a_text_cannot_end_its_own_block():
    assert Transcript(STEPS).text() == (
        "[plan]see what is asked[/plan]\n"
        "[analyze]a kick, then a &#91;turn&#93; &amp; more\nin two lines[/analyze]\n"
        "[generate]motion 1, not &#91;/generate&#93; the end[/generate]"
    )


def test_plain_values_survive_json():
    told = json.loads(json.dumps(Transcript(STEPS).as_dict()))
    assert tuple(Step(**step) for step in told["steps"]) == STEPS
    assert told["text"] == Transcript(STEPS).text()
