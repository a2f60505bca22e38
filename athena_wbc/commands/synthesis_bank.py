"""``athena prompts``: the bank of phrases, and what is drawn from it."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from athena_wbc.commands.console import print_table
from athena_wbc.errors import AthenaError
from athena_wbc.files import write_text
from athena_wbc.synthesis.bank import Bank, Domain, Phrase
from athena_wbc.synthesis.bank_file import TIERS, bank_hash, load_bank
from athena_wbc.synthesis.bank_remarks import remarks
from athena_wbc.synthesis.free_text import random_prompts, understand
from athena_wbc.synthesis.prompt import AXES, Prompt
from athena_wbc.synthesis.sampling import SPREAD, sample_prompts


def list_bank(arguments: argparse.Namespace) -> None:
    """Print the domains with their numbers of phrases, or the phrases and templates of one."""
    bank = load_bank(arguments.bank, shipped=not arguments.only)
    if arguments.domain:
        _print_domain(bank.domain(arguments.domain))
        return
    print_table(
        ("domain", *AXES, "templates", "prompts"),
        (_counts(domain) for domain in bank.domains.values()),
        left=("domain",),
    )
    print("phrases by tier 1 + 2 + 3; prompts are the different ones that a domain can make")
    print(f"hash of the bank: {bank_hash(bank)[:12]}")


def sample(arguments: argparse.Namespace) -> None:
    """Print prompts, or write them as JSON lines."""
    if arguments.random:
        given = {"--domain": arguments.domain, "--tier": arguments.tier, "--spread": arguments.spread}
        given |= {"--bank": arguments.bank, "--only": arguments.only, "--loop": arguments.loop}
        for option, value in given.items():
            if value not in (None, [], False, 0):
                raise AthenaError(f"{option}: is of the bank, which --random does without; leave one of them out")
        prompts = random_prompts(arguments.count, arguments.seed)
    else:
        if arguments.spread is not None and arguments.tier is None:
            raise AthenaError("--spread: is about --tier; give both, or leave it out")
        bank = load_bank(arguments.bank, shipped=not arguments.only)
        if arguments.domain:
            bank = Bank({name: bank.domain(name) for name in dict.fromkeys(arguments.domain)})
        spread = SPREAD if arguments.spread is None else arguments.spread
        prompts = sample_prompts(bank, arguments.count, arguments.seed, arguments.tier, spread, arguments.loop)
    if arguments.out:
        write_text(arguments.out, "".join(f"{_line(prompt)}\n" for prompt in prompts))
        print(f"{arguments.out}: {len(prompts)} prompts")
        return
    print_table(
        ("id", "domain", "tier", "prompt"),
        ((prompt.id, prompt.domain or "-", f"{prompt.tier:.2f}", prompt.text) for prompt in prompts),
        left=("id", "domain", "prompt"),
    )


def check(arguments: argparse.Namespace) -> None:
    """Read domains of a user with all their rules, and print what is worth a second look."""
    bank = load_bank(arguments.files, shipped=False)
    print_table(
        ("domain", *AXES, "templates", "prompts"),
        (_counts(domain) for domain in bank.domains.values()),
        left=("domain",),
    )
    found = [f"{name}: {remark}" for name, domain in bank.domains.items() for remark in remarks(domain)]
    for line in found:
        print(line)
    print(f"every rule is kept; {len(found) or 'no'} {'remark' if len(found) == 1 else 'remarks'}")


def read(arguments: argparse.Namespace) -> None:
    """Print the plan that a sentence is understood as."""
    reading = understand(arguments.text)
    if arguments.json:
        print(_line(reading.prompt))
        return
    content = reading.prompt.as_dict()
    for number, move in enumerate(content["moves"], start=1):
        print(f"{number}. {_words(move)}")
    print(f"manner: {_words(content['manner']) or 'plain'}")
    print(f"tier: {reading.prompt.tier:.2f}")
    for note in reading.notes:
        print(f"note: {note}")


def _print_domain(domain: Domain) -> None:
    print_table(
        ("template", "sentence"),
        ((template.id, template.text) for template in domain.templates),
        left=("template", "sentence"),
    )
    print()
    rows = (
        (axis, str(phrase.tier), phrase.text, _meaning(phrase))
        for axis in AXES
        for phrase in sorted(domain.slots[axis], key=lambda phrase: phrase.tier)
    )
    print_table(("axis", "tier", "phrase", "meaning"), rows, left=("axis", "phrase", "meaning"))


def _counts(domain: Domain) -> tuple[str, ...]:
    prompts = len(domain.templates)
    cells = []
    for axis in AXES:
        tiers = Counter(phrase.tier for phrase in domain.slots[axis])
        prompts *= len(domain.slots[axis])
        cells.append(" + ".join(str(tiers[tier]) for tier in TIERS))
    return (domain.name, *cells, str(len(domain.templates)), f"{prompts:,}")


def _meaning(phrase: Phrase) -> str:
    content = Prompt(phrase.text, moves=phrase.moves, manner=phrase.manner).as_dict()
    parts = [", ".join(_words(move) for move in content["moves"]), _words(content["manner"])]
    return "; ".join(part for part in parts if part)


def _words(content: Mapping[str, Any]) -> str:
    """A move as ``round_kick height high``, a manner as ``tempo 1.2, burst 0.3``: what is not at its default."""
    said = [
        f"{key} {value if isinstance(value, str) else f'{value:g}'}" for key, value in content.items() if key != "move"
    ]
    return " ".join([content["move"], *said]) if "move" in content else ", ".join(said)


def _line(prompt: Prompt) -> str:
    return json.dumps(prompt.as_dict(), ensure_ascii=False, sort_keys=True)
