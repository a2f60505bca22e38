"""A toy learner: hidden difficulty that adds up over phrases, skill that grows where success is uncertain."""

from __future__ import annotations

import math

import numpy as np

from athena_wbc.synthesis.bank import Bank
from athena_wbc.synthesis.prompt import Prompt
from athena_wbc.synthesis.protocols import Schedule, Scheduler
from athena_wbc.synthesis.records import Observation
from athena_wbc.synthesis.sampling import stream
from athena_wbc.synthesis.schedulers.random_choice import RandomScheduler
from athena_wbc.synthesis.schedulers.rule import RuleScheduler
from tests.synthesis.toy_bank import seen, toy_bank

LOOPS, PER_DOMAIN, GAIN, SHARPNESS = 10, 20, 0.35, 3.0


class Learner:
    """Skill in tiers, one for all domains; success is a logistic function of skill less difficulty."""

    def __init__(self, bank: Bank, seed: int, skill: float) -> None:
        self.skill = skill
        rng = stream("hidden", seed)
        self.hidden = {
            (name, axis, phrase.text): phrase.tier + 0.3 * rng.standard_normal()
            for name, domain in bank.domains.items()
            for axis in domain.slots
            for phrase in domain.slots[axis]
        }

    def difficulty(self, prompt: Prompt) -> float:
        parts = [self.hidden[prompt.domain, axis, text] for axis, texts in prompt.slots.items() for text in texts]
        return sum(parts) / len(parts)

    def success(self, prompt: Prompt) -> float:
        return 1.0 / (1.0 + math.exp(-SHARPNESS * (self.skill - self.difficulty(prompt))))

    def observe(self, prompts: tuple[Prompt, ...], loop: int) -> list[Observation]:
        chances = [self.success(prompt) for prompt in prompts]
        judged = [min(max(3.0 * self.difficulty(prompt), 1.0), 10.0) for prompt in prompts]
        return [
            seen(prompt, f"loop{loop}_{i:03d}", chance, 30.0 + 100.0 * (1.0 - chance), difficulty, loop)
            for i, (prompt, chance, difficulty) in enumerate(zip(prompts, chances, judged, strict=True))
        ]

    def learn(self, prompts: tuple[Prompt, ...]) -> None:
        chances = np.array([self.success(prompt) for prompt in prompts])
        self.skill += GAIN * float(np.mean(4.0 * chances * (1.0 - chances)))


def run(scheduler: Scheduler, seed: int, skill: float = 1.2) -> tuple[float, list[float], list[Schedule]]:
    """Final skill, mean hidden difficulty of each loop's prompts, and the schedules."""
    bank = toy_bank("dance", "sport", per_tier=5)
    learner = Learner(bank, seed, skill)
    schedule = scheduler.first(bank, PER_DOMAIN, seed)
    told: list[Observation] = []
    difficulties, schedules = [], []
    for loop in range(LOOPS):
        schedules.append(schedule)
        difficulties.append(float(np.mean([learner.difficulty(prompt) for prompt in schedule.prompts])))
        learner.learn(schedule.prompts)
        told += learner.observe(schedule.prompts, loop)
        schedule = scheduler.next(told, schedule.state, bank, PER_DOMAIN, loop + 1, seed)
    return learner.skill, difficulties, schedules


def test_the_rule_ends_with_more_skill_than_chance_and_with_harder_prompts():
    ruled = [run(RuleScheduler(), seed) for seed in range(3)]
    drawn = [run(RandomScheduler(), seed) for seed in range(3)]
    gains = [rule[0] - chance[0] for rule, chance in zip(ruled, drawn, strict=True)]
    assert min(gains) > 0.0
    for _, difficulties, _ in ruled:
        assert difficulties[-1] - difficulties[0] > 0.8
    for _, difficulties, _ in drawn:
        assert abs(difficulties[-1] - difficulties[0]) < 0.3


def test_a_learner_that_cannot_keep_up_is_met_where_it_is():
    scheduler = RuleScheduler()
    bank = toy_bank("dance", per_tier=5)
    learner = Learner(bank, 0, skill=1.0)
    first = RandomScheduler().first(bank, PER_DOMAIN, 0)
    told, state = learner.observe(first.prompts, 0), {"targets": {"dance": 2.0}}
    before = np.mean([learner.difficulty(prompt) for prompt in first.prompts])
    schedule = scheduler.next(told, state, bank, PER_DOMAIN, 1, 0)
    assert schedule.state["targets"]["dance"] < 2.0
    assert np.mean([learner.difficulty(prompt) for prompt in schedule.prompts]) < before - 0.2
