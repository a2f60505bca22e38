"""Banks from YAML: the domains that come with the library, and a user's own."""

from __future__ import annotations

import dataclasses
import os
import re
import string
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from athena_wbc.errors import AthenaError, suggest
from athena_wbc.files import sha256_json
from athena_wbc.layers import read_yaml
from athena_wbc.resources import config_names, config_path
from athena_wbc.synthesis.bank import Bank, Domain, Phrase, Template
from athena_wbc.synthesis.prompt import AXES
from athena_wbc.synthesis.reading import find_manner, find_moves
from athena_wbc.synthesis.vocabulary import PLAIN
from athena_wbc.synthesis.vocabulary_file import manner_from, move_from

GROUP = "bank"
"""Folder of ``configs/`` with the domains that come with the library."""
TIERS = (1, 2, 3)
"""Basic, intermediate, hard."""
ACTIONS = AXES[:2]
"""The axes whose phrases are made of moves."""
LONGEST = 200
"""Characters of a phrase or of a template's own words, at most."""
START = "The person"
"""How every sentence begins, as the captions do that text-to-motion models learn from."""

Paths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]
"""One file or folder, or several."""

_KEYS = ("description", "templates", *AXES)
_PHRASE_KEYS = tuple(field.name for field in dataclasses.fields(Phrase))
_NAME = re.compile(r"[a-z][a-z0-9_]*")


def load_bank(paths: Paths = (), shipped: bool = True) -> Bank:
    """Read the bank: the domains of the library, and those of a user.

    Args:
        paths: YAML files of one domain each, or folders of such files. A file is named after its domain; a
            domain of the same name as one of the library takes its place.
        shipped: False leaves the domains of the library out.

    Raises:
        AthenaError: a file that is missing or breaks a rule of docs/synthesis_bank.md, two files of the same
            domain, or no domain at all.
    """
    domains: dict[str, Domain] = {}
    if shipped:
        for name in config_names(GROUP):
            domains[name] = read_domain(config_path(GROUP, name))
    sources: dict[str, Path] = {}
    for path in _files(paths):
        domain = read_domain(path)
        if domain.name in sources:
            raise AthenaError(
                f"{path}: domain '{domain.name}' is in {sources[domain.name]} already; rename one of the files"
            )
        sources[domain.name] = path
        domains[domain.name] = domain
    if not domains:
        raise AthenaError("bank: has no domain; name a YAML file of one, or take those of the library")
    return Bank(domains)


def bank_hash(bank: Bank) -> str:
    """SHA-256 of all that a bank says, in hexadecimal: domains, phrases in their order, meanings, templates."""
    return sha256_json({name: dataclasses.asdict(domain) for name, domain in bank.domains.items()})


def read_domain(path: str | os.PathLike[str]) -> Domain:
    """Read one domain from ``<name>.yaml``.

    Raises:
        AthenaError: one line with the file, the key and the rule that is broken.
    """
    path = Path(path)
    name = path.stem
    if not _NAME.fullmatch(name):
        raise AthenaError(
            f"{path}: a domain is named after its file: lower-case letters, digits and _, such as parkour.yaml"
        )
    content = read_yaml(path)
    for key in content:
        if key not in _KEYS:
            raise AthenaError(f"{path}: key {suggest(str(key), _KEYS)}")
    slots = {axis: _phrases(content.get(axis), axis, f"{path}: {axis}") for axis in AXES}
    return Domain(name, slots, _templates(content.get("templates"), f"{path}: templates"))


def _files(paths: Paths) -> Iterable[Path]:
    for entry in [paths] if isinstance(paths, (str, os.PathLike)) else paths:
        path = Path(entry).expanduser()
        if path.is_dir():
            found = sorted(file for file in path.iterdir() if file.suffix in (".yaml", ".yml"))
            if not found:
                raise AthenaError(f"{path}: holds no .yaml file; name a folder of domains, or one file")
            yield from found
        elif path.is_file():
            yield path
        else:
            raise AthenaError(f"{path}: no such file; name a YAML file of a domain, or a folder of them")


def _text(value: Any, where: str) -> str:
    """A text of one tidy line: what passes here can stand in a sentence."""
    if not isinstance(value, str):
        raise AthenaError(f"{where}: must be a text, is '{value}'; put it in quotes")
    if not value.strip():
        raise AthenaError(f"{where}: is empty")
    if len(value) > LONGEST:
        raise AthenaError(f"{where}: has {len(value)} characters; {LONGEST} are the most")
    if not value.isprintable() or " ".join(value.split()) != value:
        raise AthenaError(f"{where}: '{value}' must be one line without spaces at its ends or several in a row")
    return value


def _phrases(entries: Any, axis: str, where: str) -> tuple[Phrase, ...]:
    if entries is None or entries == []:
        raise AthenaError(f"{where}: has no phrase; every axis needs at least one")
    if not isinstance(entries, list):
        raise AthenaError(f"{where}: must be a list of phrases, each with the keys {', '.join(_PHRASE_KEYS)}")
    phrases: list[Phrase] = []
    seen: dict[str, int] = {}
    for number, entry in enumerate(entries, start=1):
        phrase = _phrase(entry, axis, f"{where}: phrase {number}")
        folded = phrase.text.casefold()
        if folded in seen:
            raise AthenaError(f"{where}: phrase {number}: '{phrase.text}' is phrase {seen[folded]} already")
        seen[folded] = number
        phrases.append(phrase)
    return tuple(phrases)


def _phrase(entry: Any, axis: str, where: str) -> Phrase:
    if not isinstance(entry, Mapping):
        raise AthenaError(f"{where}: takes the keys {', '.join(_PHRASE_KEYS)}, not '{entry}'")
    for key in entry:
        if key not in _PHRASE_KEYS:
            raise AthenaError(f"{where}: key {suggest(str(key), _PHRASE_KEYS)}")
    if "text" not in entry:
        raise AthenaError(f"{where}: has no key 'text'")
    text = _text(entry["text"], f"{where}: text")
    where = f"{where} ('{text}')"
    if "{" in text or "}" in text:
        raise AthenaError(f"{where}: text: braces mark the slots of templates; leave them out")
    if text[-1] in ".,;:!?":
        raise AthenaError(f"{where}: text: ends in '{text[-1]}'; a phrase is a part of a sentence, leave it out")
    tier = entry.get("tier")
    if isinstance(tier, bool) or tier not in TIERS or not isinstance(tier, int):
        raise AthenaError(f"{where}: tier: must be 1 (basic), 2 or 3 (hard), is '{tier}'")
    moves = entry.get("moves") or []
    if not isinstance(moves, list):
        raise AthenaError(f"{where}: moves: must be a list, such as [crouch, {{move: jump, height: high}}]")
    plan = tuple(move_from(move, f"{where}: moves: {index}") for index, move in enumerate(moves, start=1))
    manner = PLAIN if entry.get("manner") is None else manner_from(entry["manner"], f"{where}: manner")
    if axis in ACTIONS and not plan:
        plan = find_moves(text)
        if not plan:
            raise AthenaError(f"{where}: moves: has none, and its words name none; say which moves it is made of")
    elif axis not in ACTIONS and not plan and "manner" not in entry:
        manner = find_manner(text)
    return Phrase(text, tier, plan, manner)


def _templates(entries: Any, where: str) -> tuple[Template, ...]:
    if not entries:
        raise AthenaError(f"{where}: has no template; a domain needs at least one sentence")
    if not isinstance(entries, Mapping):
        raise AthenaError(f"{where}: must be a mapping of names to sentences")
    templates: list[Template] = []
    seen: dict[str, str] = {}
    for name, value in entries.items():
        here = f"{where}: {name}"
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise AthenaError(
                f"{here}: a template's name is of lower-case letters, digits and _; quote on, off, yes, no"
            )
        text = _template_text(value, here)
        if text in seen:
            raise AthenaError(f"{here}: is the sentence of '{seen[text]}' again")
        seen[text] = name
        templates.append(Template(name, text))
    return tuple(templates)


def _template_text(value: Any, where: str) -> str:
    text = _text(value, where)
    if not text.startswith(f"{START} ") and not text.startswith(f"{START},"):
        raise AthenaError(f"{where}: must begin with '{START}'")
    if not text.endswith("."):
        raise AthenaError(f"{where}: must end with a full stop")
    if "{{" in text or "}}" in text:
        raise AthenaError(f"{where}: doubled braces; a slot is written {{{AXES[0]}}}")
    try:
        parts = list(string.Formatter().parse(text))
    except ValueError as error:
        raise AthenaError(f"{where}: braces do not pair ({error}); a slot is written {{{AXES[0]}}}") from error
    slots = [slot for _, slot, _, _ in parts if slot is not None]
    for slot in slots:
        if slot not in AXES:
            raise AthenaError(f"{where}: slot {suggest(slot, AXES)}")
    if any(form or conversion for _, _, form, conversion in parts):
        raise AthenaError(f"{where}: a slot is written {{{AXES[0]}}}, with nothing behind its name")
    for axis in AXES:
        if slots.count(axis) != 1:
            raise AthenaError(f"{where}: has {{{axis}}} {slots.count(axis)} times; a sentence has every slot once")
    if slots.index(ACTIONS[0]) > slots.index(ACTIONS[1]):
        raise AthenaError(f"{where}: {{{ACTIONS[0]}}} must come before {{{ACTIONS[1]}}}, since it is done first")
    return text
