"""The bank of phrases: domains, their slots, tiers and meanings, and the sentences that they are put into."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from athena_wbc.errors import AthenaError, suggest
from athena_wbc.synthesis.prompt import AXES, Prompt
from athena_wbc.synthesis.vocabulary import PLAIN, Manner, Move


@dataclasses.dataclass(frozen=True)
class Phrase:
    """One entry of a slot."""

    text: str
    tier: int
    """1 basic, 2 intermediate, 3 hard."""
    moves: tuple[Move, ...] = ()
    """What it adds to the plan; base and combo actions have at least one."""
    manner: Manner = PLAIN
    """What it changes in the manner; details and rhythms."""


@dataclasses.dataclass(frozen=True)
class Template:
    """A sentence with ``{base_action}``, ``{combo_action}``, ``{detail}`` and ``{speed_rhythm}``, each once."""

    id: str
    text: str


@dataclasses.dataclass(frozen=True)
class Domain:
    """Phrases and sentences of one discipline."""

    name: str
    slots: Mapping[str, tuple[Phrase, ...]]
    templates: tuple[Template, ...]

    def phrase(self, axis: str, text: str) -> Phrase:
        """The phrase of an axis by its text.

        Raises:
            AthenaError: no such phrase, with the nearest one.
        """
        for phrase in self.slots[axis]:
            if phrase.text == text:
                return phrase
        raise AthenaError(f"{self.name}: {axis}: phrase {suggest(text, [phrase.text for phrase in self.slots[axis]])}")

    def template(self, name: str) -> Template:
        """The template by its identifier.

        Raises:
            AthenaError: no such template, with the nearest one.
        """
        for template in self.templates:
            if template.id == name:
                return template
        raise AthenaError(f"{self.name}: template {suggest(name, [template.id for template in self.templates])}")


@dataclasses.dataclass(frozen=True)
class Bank:
    """All domains by name."""

    domains: Mapping[str, Domain]

    def domain(self, name: str) -> Domain:
        """The domain by name.

        Raises:
            AthenaError: no such domain, with the nearest one.
        """
        if name not in self.domains:
            raise AthenaError(f"bank: domain {suggest(name, self.domains)}")
        return self.domains[name]

    def only(self, names: Sequence[str]) -> Bank:
        """The bank with some of its domains, in their order; with all where none is named.

        Raises:
            AthenaError: no such domain, with the nearest one.
        """
        return self if not names else Bank({name: self.domain(name) for name in names})

    def render(
        self,
        domain: str,
        slots: Mapping[str, Sequence[str]],
        template: str,
        parents: Sequence[str] = (),
        salt: int = 0,
    ) -> Prompt:
        """The one way from phrases to a prompt: all that a scheduler or a language model chooses passes here.

        Several phrases of an axis are joined by "and". The moves are those of base, combo, detail and rhythm in this
        order; the manner is that of all phrases, one on top of the other; the tier is the mean over the axes of the
        mean of their phrases' tiers.

        Raises:
            AthenaError: an unknown domain, axis, phrase or template, or an axis without a phrase.
        """
        chosen = self.domain(domain)
        for axis in slots:
            if axis not in AXES:
                raise AthenaError(f"{domain}: axis {suggest(axis, AXES)}")
        phrases: dict[str, list[Phrase]] = {}
        for axis in AXES:
            if not slots.get(axis):
                raise AthenaError(f"{domain}: {axis}: has no phrase; a prompt names one of every axis")
            phrases[axis] = [chosen.phrase(axis, text) for text in slots[axis]]
        words = {axis: " and ".join(phrase.text for phrase in group) for axis, group in phrases.items()}
        manner = Manner()
        for group in phrases.values():
            for phrase in group:
                manner = manner.then(phrase.manner)
        tiers = [sum(phrase.tier for phrase in group) / len(group) for group in phrases.values()]
        return Prompt(
            text=chosen.template(template).text.format(**words),
            domain=domain,
            slots={axis: tuple(phrase.text for phrase in group) for axis, group in phrases.items()},
            template=template,
            tier=sum(tiers) / len(tiers),
            moves=tuple(move for group in phrases.values() for phrase in group for move in phrase.moves),
            manner=manner,
            parents=tuple(parents),
            salt=salt,
        )
