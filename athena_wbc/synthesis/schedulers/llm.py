"""A language model that chooses the phrases of the next prompts, after CLAIMS (3.5 and C.4).

It answers with phrases and templates of the bank and nothing else: prompts are made of them by `Bank.render`, so no
word of its own reaches a generator. How many prompts a domain gets, from which clips they descend, and whether the
domain is made harder, is the rule scheduler's plan; its own choice stands in for a set that the model has no usable
one for. A model that goes against the plan is told so once, and then has its way: the log says who chose what.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from athena_wbc.errors import AthenaError
from athena_wbc.layers import Layer, compose
from athena_wbc.synthesis.bank import Bank
from athena_wbc.synthesis.language.config import (
    CassetteConfig,
    EndpointConfig,
    check_cassette,
    check_endpoint,
    check_on_failure,
)
from athena_wbc.synthesis.language.endpoint import EndpointError, connect
from athena_wbc.synthesis.prompt import Prompt
from athena_wbc.synthesis.protocols import Schedule
from athena_wbc.synthesis.records import Observation
from athena_wbc.synthesis.schedulers import drawing
from athena_wbc.synthesis.schedulers.llm_choice import by_number, complaints, review
from athena_wbc.synthesis.schedulers.llm_messages import Gate, hardness, scheduler_messages, stratified
from athena_wbc.synthesis.schedulers.rule import RuleConfig, RuleScheduler, check_rule_config

_MOST_TEXT = 600
"""Characters of an analysis that the log keeps."""


@dataclass
class LlmConfig:
    """Settings of the scheduler that asks a language model."""

    endpoint: EndpointConfig = field(default_factory=lambda: EndpointConfig(max_tokens=8000))
    """The model."""
    group: int = 5
    """Sets that a question is about."""
    workers: int = 4
    """Questions at the same time."""
    on_failure: str = "fallback"
    """``fallback``: the rule's choice stands in for a set without a usable one; ``stop``: an error."""
    rule: dict[str, Any] = field(default_factory=dict)
    """Options of the rule scheduler, which plans the numbers, the parents, the fresh prompts and the rehearsal, and
    decides on every domain; the model is told its thresholds and steps."""
    cassette: CassetteConfig = field(default_factory=CassetteConfig)
    """Whether answers are kept and given again."""
    costs: str = ""
    """File that tokens, seconds and prices are appended to; empty for none, or for that of the run."""


def check_llm_config(config: LlmConfig, where: str) -> None:
    """Refuse settings that cannot work; the error names the key."""
    check_endpoint(config.endpoint, f"{where}.endpoint")
    for key, most in (("group", 20), ("workers", 64)):
        if not 1 <= getattr(config, key) <= most:
            raise AthenaError(f"{where}.{key}: must be from 1 to {most}, is {getattr(config, key)}")
    check_on_failure(config.on_failure, where)
    check_cassette(config.cassette, f"{where}.cassette")


class _Group(NamedTuple):
    """Sets that one question is about."""

    domain: str
    number: int
    places: Sequence[int]
    """Places of the sets' prompts in the plan."""
    parents: Sequence[Observation]
    batch: Sequence[Observation]
    gate: Gate


class _Answer(NamedTuple):
    """What came of a question: an entry of the log, and for every set a prompt or None with an entry of its own."""

    log: Mapping[str, Any]
    sets: Sequence[tuple[Prompt | None, Mapping[str, Any]]]


class LlmScheduler:
    """Asks a model about groups of clips of one domain. See :class:`LlmConfig`."""

    name = "llm"

    def __init__(
        self,
        config: LlmConfig,
        where: str = "scheduler llm",
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Make the scheduler; asks nothing yet.

        Args:
            config: its settings.
            where: the configuration key, for errors.
            sleep: how to wait between attempts.

        Raises:
            AthenaError: settings that cannot work, a package or a key that is missing.
        """
        check_llm_config(config, where)
        self.config = config
        self._endpoint = connect(config.endpoint, config.cassette, config.costs, where, sleep)
        rule = compose(RuleConfig, [Layer(f"{where}.rule", config.rule)])
        check_rule_config(rule, f"{where}.rule")
        self._rule = RuleScheduler(rule)

    def first(self, bank: Bank, per_domain: int, seed: int) -> Schedule:
        """The rule's: there is nothing to tell a model yet."""
        return self._rule.first(bank, per_domain, seed)

    def next(
        self,
        observations: Sequence[Observation],
        state: Mapping[str, Any],
        bank: Bank,
        per_domain: int,
        loop: int,
        seed: int,
    ) -> Schedule:
        """The rule's plan with the model's choice in place of every descendant of a clip of the last loop.

        Raises:
            AthenaError: a question without an answer or a set without a usable choice, where it is to stop.
        """
        plan = self._rule.next(observations, state, bank, per_domain, loop, seed)
        groups = self._groups(plan, observations, bank, loop)
        prompts = list(plan.prompts)
        # The prompts of clips that were dropped are in no observation.
        used = set(plan.state["used"])
        log: list[Mapping[str, Any]] = []
        replaced: set[str] = set()
        with ThreadPoolExecutor(self.config.workers) as pool:
            waiting = [pool.submit(self._ask, bank, group, loop, seed) for group in groups]
            try:
                for group, future in zip(groups, waiting, strict=True):
                    answer = future.result()
                    log.append(answer.log)
                    for place, (prompt, entry) in zip(group.places, answer.sets, strict=False):
                        if prompt is not None:
                            prompt = drawing.apart(prompt, used)
                            entry = {**entry, "chosen": {"prompt": prompt.id, **entry["chosen"]}}
                            replaced.add(plan.prompts[place].id)
                            prompts[place] = prompt
                        log.append(entry)
            finally:
                for future in waiting:
                    future.cancel()
        state = {**plan.state, "used": sorted(used)}
        log = [*self._of_the_rule(plan.log, replaced, log), *log]
        return Schedule(prompts=tuple(prompts), rehearsal=plan.rehearsal, state=state, log=tuple(log))

    def _of_the_rule(
        self, plan: Sequence[Mapping[str, Any]], replaced: set[str], answers: Sequence[Mapping[str, Any]]
    ) -> list[Mapping[str, Any]]:
        """The rule's log: what it decided, beside a domain's decision what the model made of it.

        Args:
            plan: the rule's whole log.
            replaced: identifiers of its prompts that are not asked for; what it noted about them would mislead.
            answers: the log of the model's choices.
        """
        entries = []
        for entry in plan:
            if entry["chosen"].get("prompt") in replaced:
                continue
            entry = {**entry, "chosen": {**entry["chosen"], "by": self._rule.name}}
            made = [each for each in answers if each["kind"] == "child" and each["domain"] == entry["domain"]]
            if entry["kind"] == "gate" and made:
                steps = [each["chosen"]["tier"] - each["seen"]["tier"] for each in made]
                mean, model = sum(steps) / len(steps), self._endpoint.config.model
                entry["chosen"]["model"] = {"prompts": len(made), "mean_step": mean}
                entry["why"] = (
                    f"{entry['why']}; the {self._rule.name}'s plan, {model} chose {len(made)} prompts by a "
                    f"mean step of {mean:+.2f} tiers"
                )
            entries.append(entry)
        return entries

    def _groups(self, plan: Schedule, observations: Sequence[Observation], bank: Bank, loop: int) -> list[_Group]:
        """The plan's descendants of known clips, domain by domain, in groups that span the domain's range."""
        last = sorted((each for each in observations if each.loop == loop - 1), key=lambda each: each.clip)
        newest = {each.prompt.id: each for each in last}
        gates = {
            entry["domain"]: Gate(entry["chosen"]["verdict"], entry["why"])
            for entry in plan.log
            if entry["kind"] == "gate"
        }
        groups = []
        for domain in sorted(bank.domains):
            places = [
                place
                for place, prompt in enumerate(plan.prompts)
                if prompt.domain == domain and prompt.parents and prompt.parents[0] in newest
            ]
            parents = [newest[plan.prompts[place].parents[0]] for place in places]
            batch = [each for each in newest.values() if each.prompt.domain == domain]
            dealt = stratified(places, [hardness(parent) for parent in parents], self.config.group) if places else []
            groups += [
                _Group(
                    domain,
                    number,
                    [places[index] for index in indices],
                    [parents[index] for index in indices],
                    batch,
                    gates[domain],
                )
                for number, indices in enumerate(dealt, start=1)
            ]
        return groups

    def _ask(self, bank: Bank, group: _Group, loop: int, seed: int) -> _Answer:
        """One question, its repair, and what is to be used of the answer."""
        from athena_wbc.synthesis.schedulers.replies import GroupReply

        domain = bank.domain(group.domain)
        parents = [parent.prompt for parent in group.parents]
        clips = [parent.clip for parent in group.parents]
        about = {"loop": loop, "domain": group.domain}
        try:
            reply, usage = self._endpoint.ask(
                scheduler_messages(domain, group.batch, group.parents, loop, self._rule.config, group.gate),
                GroupReply,
                seed=seed,
                purpose="schedule",
                check=lambda found: complaints(bank, domain, parents, group.gate.verdict, found),
            )
        except EndpointError as error:
            self._stop(group, loop, f"{error}; run again to go on")
            entry = about | {
                "kind": "unanswered",
                "seen": {"group": group.number, "clips": clips},
                "chosen": {"by": self._rule.name},
                "why": f"{error}; the choice of the {self._rule.name} scheduler stands in for the whole group",
            }
            return _Answer(entry, ())
        prompts, faults, doubts = review(bank, domain, parents, group.gate.verdict, reply)
        choices = by_number(reply)
        whole = about | {
            "kind": "group",
            "seen": {"group": group.number, "clips": clips},
            "chosen": {"by": self._endpoint.config.model, "calls": usage.calls},
            "why": _cut(reply.group_analysis),
        }
        sets: list[tuple[Prompt | None, Mapping[str, Any]]] = []
        for index, prompt in enumerate(prompts):
            seen = {"clip": clips[index], "prompt": parents[index].id, "tier": parents[index].tier}
            if prompt is None:
                why = "; ".join(faults[index])
                self._stop(group, loop, f"set {index + 1}: {why}; ask again with cassette.mode: live")
                chosen: dict[str, Any] = {"by": self._rule.name}
                entry = {
                    "kind": "refused",
                    "seen": seen,
                    "chosen": chosen,
                    "why": f"{why}; {self._rule.name} stands in",
                }
            else:
                choice = choices[index + 1]
                chosen = {
                    "by": self._endpoint.config.model,
                    "tier": prompt.tier,
                    "change": choice.change,
                    "slots": {axis: list(phrases) for axis, phrases in prompt.slots.items()},
                    "template": prompt.template,
                }
                why = " | ".join(map(_cut, (choice.harder_by, choice.phrases_why, choice.template_why)))
                entry = {"kind": "child", "seen": seen, "chosen": chosen, "why": " | ".join([*doubts[index], why])}
            sets.append((prompt, about | entry))
        return _Answer(whole, sets)

    def _stop(self, group: _Group, loop: int, cause: str) -> None:
        if self.config.on_failure == "stop":
            raise AthenaError(
                f"scheduler llm: loop {loop}: {group.domain}: group {group.number}: {cause}, or set on_failure: "
                "fallback"
            )


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_TEXT else f"{text[:_MOST_TEXT]} ..."
