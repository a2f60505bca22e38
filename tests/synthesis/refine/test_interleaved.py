"""Generation interleaved with assessment: what is kept, when it stops, what is said."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from athena_wbc.errors import AthenaError
from athena_wbc.synthesis.convert import ConversionConfig
from athena_wbc.synthesis.filters import FilterConfig
from athena_wbc.synthesis.motion import PELVIS, SyntheticMotion
from athena_wbc.synthesis.prompt import Prompt
from athena_wbc.synthesis.records import Judgement
from athena_wbc.synthesis.refine.assessor import Assessment
from athena_wbc.synthesis.refine.config import RefineConfig
from athena_wbc.synthesis.refine.interleaved import GOOD, LIMIT, NOTHING_LEFT, Advice, Refined, refine
from tests.synthesis.figure import moved, standing
from tests.synthesis.toy_bank import slots_of, toy_bank

BANK = toy_bank("dance")
PROMPT = BANK.render("dance", slots_of("1a", "1a", "1a", "2a"), "plain")
FILTERS = FilterConfig(motion=0.0)


@dataclasses.dataclass
class Hand:
    """Stands at a height that a function of the call's number gives, and remembers what it was asked."""

    height: Callable[[int], float] = lambda call: 0.0
    asked: list[tuple[Prompt, int]] = dataclasses.field(default_factory=list)
    name: str = "hand"
    is_learned: bool = False

    def generate(self, prompts: Sequence[Prompt], frames: int, seed: int) -> list[SyntheticMotion]:
        made = []
        for prompt in prompts:
            height = np.tile((0.0, 0.0, self.height(len(self.asked))), (frames, 1))
            self.asked.append((prompt, seed))
            made.append(SyntheticMotion(prompt.id, moved(standing(frames), height), self.name, False, seed))
        return made


@dataclasses.dataclass
class Scores:
    """A judge that looks, with scores told beforehand; the last one for all that follow."""

    scores: Sequence[float]
    name: str = "eyes"
    judged: int = 0

    def judge(self, motions: Sequence[SyntheticMotion], prompts: Sequence[Prompt]) -> list[Judgement]:
        score = self.scores[min(self.judged, len(self.scores) - 1)]
        self.judged += 1
        verdict = "aligned" if score >= 80.0 else "partial"
        return [Judgement(self.name, verdict, score, 5.0) for _ in motions]


def run(generator: Hand | None = None, judge: Scores | None = None, rounds: int = 3, **options) -> Refined:
    return refine(PROMPT, generator or Hand(), judge, FILTERS, RefineConfig(rounds), frames=40, **options)


def test_a_motion_that_sinks_is_grounded_and_then_it_stops():
    generator = Hand(lambda call: -0.2)
    refined = run(generator)
    assert refined.stop_reason == GOOD
    assert refined.rounds == 2
    assert len(generator.asked) == 1
    assert refined.scores[0] < refined.scores[1] == refined.score == 100.0
    assert np.allclose(refined.motion.positions, standing(40))
    assert refined.motion.provenance["refinement"]["edits"] == ["ground"]
    assert refined.assessment.is_good


def test_a_good_motion_is_left_alone():
    refined = run()
    assert (refined.rounds, refined.stop_reason, refined.score) == (1, GOOD, 100.0)
    assert refined.prompt is PROMPT
    assert refined.motion.prompt_id == PROMPT.id


@pytest.mark.parametrize("rounds", [1, 3, 5])
def test_a_judge_who_is_never_content_stops_at_the_limit(rounds: int):
    judge = Scores([30.0])
    refined = run(judge=judge, rounds=rounds, bank=BANK)
    assert refined.stop_reason == LIMIT
    assert refined.rounds == judge.judged == rounds
    # all alike: the first is kept
    assert refined.motion.provenance["refinement"]["kept"] == 1
    assert refined.prompt is PROMPT


def test_the_best_is_kept_and_of_equals_the_first():
    refined = run(judge=Scores([40.0, 70.0, 55.0, 70.0, 60.0]), rounds=5, bank=BANK)
    assert refined.motion.provenance["refinement"]["kept"] == 2
    assert refined.score == pytest.approx(70.0)
    assert refined.scores == pytest.approx((40.0, 70.0, 55.0, 70.0, 60.0))
    kept = [step.data["best"] for step in refined.transcript.steps if step.tag == "plan" and "best" in step.data]
    best = [refined.scores[number - 1] for number in kept]
    assert best == sorted(best)


def test_what_somebody_saw_changes_seed_sentence_and_hardest_phrase_in_turn():
    generator = Hand()
    run(generator, Scores([30.0]), rounds=4, bank=BANK)
    (first, seed), (second, other_seed), (third, _), (fourth, _) = generator.asked
    assert first == second == PROMPT
    assert seed == 0 != other_seed
    assert third.slots == PROMPT.slots
    assert third.template == "then"
    assert fourth.slots == PROMPT.slots | {"speed_rhythm": ("speed_rhythm 1a",)}
    assert fourth.parents == (third.id,)


def test_without_a_judge_that_looks_nothing_is_done_for_the_meaning():
    blind = Scores([10.0], name="kinematic")
    refined = run(judge=blind, bank=BANK)
    assert (refined.rounds, refined.stop_reason) == (1, GOOD)
    assert refined.score == 100.0
    said = next(step.text for step in refined.transcript.steps if step.tag == "assess")
    assert "Nobody looked" in said
    assert not refined.motion.provenance["refinement"]["looked_at"]


def test_a_rule_that_stood_in_for_eyes_is_not_eyes():
    assert run(judge=Scores([10.0], name="kinematic+kinematic")).stop_reason == GOOD
    assert run(judge=Scores([10.0], name="eyes+kinematic")).stop_reason == LIMIT


def test_what_cannot_be_edited_away_is_made_again():
    class Short(Hand):
        def generate(self, prompts, frames, seed):
            return super().generate(prompts, 6 if not self.asked else frames, seed)

    generator = Short()
    refined = run(generator)
    # 0.25 s, then stretched to 0.38 s, which is still too short
    assert [step.data["edits"] for step in refined.transcript.steps if step.tag == "generate"] == [[], ["stretch"], []]
    assert len(generator.asked) == 2
    assert generator.asked[0][1] != generator.asked[1][1]
    assert refined.stop_reason == GOOD


def test_an_edit_that_would_change_nothing_costs_no_round():
    generator = Hand(lambda call: 0.2 if call == 0 else 0.0)
    config = dataclasses.replace(FILTERS, root_low=3.0)
    refined = refine(PROMPT, generator, None, config, RefineConfig(2), frames=40, conversion=ConversionConfig())
    # grounded by its preparation already, so that it is made again at once
    assert [step.data["edits"] for step in refined.transcript.steps if step.tag == "generate"] == [[], []]
    assert len(generator.asked) == 2


def test_motions_are_prepared_before_they_are_assessed():
    generator = Hand(lambda call: -0.2)
    refined = run(generator, conversion=ConversionConfig())
    assert (refined.rounds, refined.stop_reason) == (1, GOOD)
    assert refined.motion.fps == 30.0
    assert refined.motion.provenance["conversion"]["lifted"] == pytest.approx(0.2)


def test_an_edit_that_does_harm_is_taken_back():
    generator, filters = Hand(lambda call: -0.05), dataclasses.replace(FILTERS, root_low=3.0)
    refined = refine(PROMPT, generator, Scores([90.0, 10.0, 10.0]), filters, RefineConfig(3), frames=40)
    # the pelvis is too low with and without grounding
    assert refined.motion.provenance["refinement"]["kept"] == 1
    assert refined.motion.positions[0, PELVIS, 2] == pytest.approx(standing(2)[0, PELVIS, 2] - 0.05)
    # grounding is not tried a second time: the motion is made again
    assert len(generator.asked) == 2


def test_a_good_motion_is_kept_although_one_that_sinks_has_a_higher_score():
    refined = run(Hand(lambda call: -0.033), Scores([99.0, 85.0]))
    # 99 times 0.03 / 0.033, which the filter of penetration drops, and 85 that it does not
    assert refined.scores == pytest.approx((90.0, 85.0), abs=0.2)
    assert (refined.stop_reason, refined.score) == (GOOD, refined.scores[1])
    assert refined.assessment.is_good and refined.motion.provenance["refinement"]["edits"] == ["ground"]


def test_a_motion_that_passes_is_kept_although_one_that_sinks_has_a_higher_score():
    refined = run(Hand(lambda call: -0.033), Scores([75.0, 50.0, 60.0]))
    # grounding is no harm; the third, with another seed, sinks again
    assert [step.data["edits"] for step in refined.transcript.steps if step.tag == "generate"] == [[], ["ground"], []]
    assert refined.motion.provenance["refinement"]["kept"] == 2 and not refined.assessment.failed


def test_a_score_that_nobody_saw_does_not_beat_one_that_somebody_did():
    class Fading(Scores):
        def judge(self, motions, prompts):
            self.name = "eyes" if self.judged == 0 else "kinematic"
            return super().judge(motions, prompts)

    filters = dataclasses.replace(FILTERS, root_low=3.0)
    refined = refine(PROMPT, Hand(), Fading([50.0]), filters, RefineConfig(2), frames=40)
    # the pelvis is too low in both; half the score is that of the eyes
    assert refined.scores[1] == pytest.approx(2.0 * refined.scores[0])
    assert refined.motion.provenance["refinement"]["kept"] == 1 and refined.assessment.sees


def test_the_same_seed_gives_the_same_and_the_transcript_survives_json():
    one, other = (run(Hand(lambda call: -0.2), Scores([50.0, 60.0]), 5, bank=BANK, seed=4) for _ in range(2))
    assert one.motion.digest == other.motion.digest
    assert one.transcript == other.transcript
    told = json.loads(json.dumps(one.transcript.as_dict()))["steps"]
    assert [step["tag"] for step in told] == (
        ["plan", "analyze", "plan", *["generate", "plan", "assess", "plan"] * one.rounds]
    )
    assert [step["text"] for step in told] == [step.text for step in one.transcript.steps]
    assert run(Hand(), Scores([50.0]), seed=5).transcript != run(Hand(), Scores([50.0]), seed=6).transcript


def test_a_first_motion_that_exists_is_not_made_again():
    generator = Hand()
    first = generator.generate([PROMPT], 40, 0)[0]
    generator.asked.clear()
    refined = run(generator, first=first)
    assert generator.asked == []
    assert refined.motion.digest == first.digest


def test_a_generator_that_fails_later_leaves_the_best_so_far():
    def height(call: int) -> float:
        if call:
            raise AthenaError("server: gone; start it")
        return 0.0

    refined = run(Hand(height), Scores([30.0]))
    assert refined.stop_reason == "generation failed: server: gone; start it"
    assert refined.rounds == 1
    with pytest.raises(AthenaError, match="gone"):
        run(Hand(lambda call: height(1)))


@dataclasses.dataclass
class Chooser:
    """Chooses operations by their names, one list for each round; remembers what was offered."""

    wanted: list[list[str]]
    offered: list[list[str]] = dataclasses.field(default_factory=list)
    shown: list[SyntheticMotion] = dataclasses.field(default_factory=list)
    name: str = "chooser"

    def choose(self, motion: SyntheticMotion, prompt: Prompt, assessment: Assessment, offered) -> Advice:
        names = [each.operation for each in offered]
        self.offered.append(names)
        self.shown.append(motion)
        return Advice(tuple(names.index(name) for name in self.wanted.pop(0)), "because")


def test_an_adviser_chooses_among_what_is_offered():
    chooser = Chooser([["swap_phrase"], []])
    refined = run(judge=Scores([30.0, 40.0]), bank=BANK, adviser=chooser, rounds=5)
    assert refined.stop_reason == NOTHING_LEFT
    assert refined.rounds == 2
    assert refined.prompt.parents == (PROMPT.id,)
    assert set(chooser.offered[0]) >= {"ground", "smooth", "reseed", "swap_phrase", "swap_template"}


def test_an_adviser_is_offered_no_phrases_where_nobody_looked():
    chooser = Chooser([["ground"]])
    refined = run(Hand(lambda call: -0.2), bank=BANK, adviser=chooser)
    assert refined.stop_reason == GOOD
    assert "swap_phrase" not in chooser.offered[0]


def test_after_an_edit_that_did_harm_an_adviser_sees_the_motion_before_it():
    chooser = Chooser([["stretch"], ["ground"], []])
    run(Hand(lambda call: -0.02), Scores([60.0, 5.0, 70.0]), 5, bank=BANK, adviser=chooser)
    assert chooser.shown[0].digest == chooser.shown[1].digest != chooser.shown[2].digest
    assert "stretch" in chooser.offered[0]
    assert "stretch" not in chooser.offered[1]


def test_without_advice_the_best_so_far_is_kept():
    class Wild(Chooser):
        def choose(self, motion, prompt, assessment, offered):
            return Advice((len(offered),))

    class Mute(Chooser):
        def choose(self, motion, prompt, assessment, offered):
            raise AthenaError("model: gone; start it")

    for adviser, reason in ((Wild([]), "no advice: chooser: chose number"), (Mute([]), "no advice: model: gone")):
        refined = run(judge=Scores([30.0]), adviser=adviser)
        assert refined.rounds == 1
        assert refined.stop_reason.startswith(reason)


@pytest.mark.parametrize(
    ("settings", "key"),
    [(RefineConfig(6), "rounds"), (RefineConfig(0), "rounds"), (RefineConfig(3, 101.0), "accept_score")],
)
def test_settings_out_of_range_are_refused(settings: RefineConfig, key: str):
    with pytest.raises(AthenaError, match=f"refine: {key}: must be"):
        refine(PROMPT, Hand(), None, FILTERS, settings)
