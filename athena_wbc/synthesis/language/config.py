"""Settings of a connection to a language model, of its recordings, and of the two together."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from athena_wbc.address import check_address, public_address
from athena_wbc.errors import AthenaError, suggest

STRUCTURES = ("auto", "json_schema", "json_object")
MODES = ("off", "live", "record", "replay")
FAILURES = ("fallback", "stop")
ADVISER = "adviser"
"""What a refinement may ask; it has no name of its own in a configuration."""
ASKING = ("vlm", "ensemble", "llm", ADVISER)
"""Judges, schedulers and advisers that ask language models."""
CASSETTE, COSTS = "cassette.jsonl", "costs.jsonl"
"""What the parts of a run leave in its folder."""

_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")


@dataclass
class EndpointConfig:
    """A model behind an HTTP interface of OpenAI's form. The key itself is never a setting."""

    base_url: str = "https://api.openai.com/v1"
    """Address up to and with the version, without ``/chat/completions``."""
    model: str = ""
    """Name by which the server knows the model."""
    api_key_env: str = "OPENAI_API_KEY"
    """Environment variable that holds the key; empty for a server that wants none (vLLM, Ollama)."""
    temperature: float | None = 0.0
    """Of the sampling; ``null`` where the model takes none."""
    max_tokens: int = 4096
    """Most tokens of an answer, thoughts included."""
    token_limit: str = "max_tokens"
    """Name under which the server takes `max_tokens`; newer models of OpenAI want ``max_completion_tokens``."""
    send_seed: bool = False
    """Whether to send the seed; some servers refuse it."""
    extra: dict[str, Any] = field(default_factory=dict)
    """More fields of the request body as the server documents them, for instance ``reasoning_effort: low``."""
    timeout_s: float = 120.0
    """Longest wait for a connection and for an answer, s."""
    retries: int = 4
    """Further attempts after a busy, failing, silent or unreachable server."""
    backoff_s: float = 1.0
    """Wait before the first further attempt, s; doubled for each one after it."""
    max_wait_s: float = 60.0
    """Longest wait before an attempt, s, whatever the server asks for."""
    give_up_after: int = 3
    """Questions in a row that may fail; those after them fail at once. 0 for all to be tried."""
    structured: str = "auto"
    """``json_schema``: the server holds the answer to the schema; ``json_object``: the schema is told in words;
    ``auto``: the first, and the second where the server refuses it."""
    one_message: bool = False
    """Whether messages of one role in a row are joined, for models that insist on turns."""
    input_price: float | None = None
    """Price of a million tokens of questions, in the currency of your choice; ``null``: not known."""
    output_price: float | None = None
    """Price of a million tokens of answers."""


@dataclass
class CassetteConfig:
    """Whether answers are kept, and given again instead of asking."""

    mode: str = "record"
    """``off``: neither; ``live``: ask always, and keep; ``record``: give again what is kept, ask and keep the rest;
    ``replay``: never ask, a question without a kept answer is an error."""
    path: str = ""
    """The file; empty for none, or for that of the run where there is one."""


def placed(name: str, options: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Options of a judge, scheduler or adviser of a run, with cassette and cost log in `folder` where they name none.

    Those that ask no language model keep theirs as they are. The parts of a run may share the files: what they ask
    differs.
    """
    cassette = options.get("cassette") or {}
    if name not in ASKING or not isinstance(cassette, Mapping):
        return dict(options)
    return {
        **options,
        "cassette": {**cassette, "path": cassette.get("path") or str(folder / CASSETTE)},
        "costs": options.get("costs") or str(folder / COSTS),
    }


def check_endpoint(config: EndpointConfig, where: str) -> None:
    """Refuse settings that cannot work; the error names the key, and never shows what may be a secret."""
    check_address(
        config.base_url, f"{where}.base_url", "http://localhost:8000/v1", "put the key in the variable of api_key_env"
    )
    if not config.model.strip():
        raise AthenaError(f"{where}.model: is empty; name a model that {public_address(config.base_url)} serves")
    if config.api_key_env and not _VARIABLE.fullmatch(config.api_key_env):
        # It may be the key itself, so it is not repeated here.
        raise AthenaError(
            f"{where}.api_key_env: takes the NAME of an environment variable, in capitals, never the key; "
            "for instance OPENAI_API_KEY"
        )
    if config.structured not in STRUCTURES:
        raise AthenaError(f"{where}.structured: {suggest(config.structured, STRUCTURES)}")
    limits = ("max_tokens", "max_completion_tokens")
    if config.token_limit not in limits:
        raise AthenaError(f"{where}.token_limit: {suggest(config.token_limit, limits)}")
    for key, least in (("max_tokens", 1), ("retries", 0), ("give_up_after", 0)):
        if getattr(config, key) < least:
            raise AthenaError(f"{where}.{key}: must be at least {least}, is {getattr(config, key)}")
    if not 0.0 < config.timeout_s < math.inf:
        raise AthenaError(f"{where}.timeout_s: must be positive and finite, is {config.timeout_s}")
    for key in ("temperature", "backoff_s", "max_wait_s", "input_price", "output_price"):
        value = getattr(config, key)
        if value is not None and not 0.0 <= value < math.inf:
            raise AthenaError(f"{where}.{key}: must be 0 or more and finite, is {value}")
    for key in ("model", "messages", "response_format", "seed", "temperature", "stream", "n", *limits):
        if key in config.extra:
            raise AthenaError(f"{where}.extra.{key}: is set elsewhere; take it out of extra")


def check_cassette(config: CassetteConfig, where: str) -> None:
    """Refuse an unknown mode."""
    if config.mode == "False":
        raise AthenaError(f"{where}.mode: YAML reads a bare off as a truth value; quote it: 'off'")
    if config.mode not in MODES:
        raise AthenaError(f"{where}.mode: {suggest(config.mode, MODES)}")
    if config.mode == "replay" and not config.path:
        raise AthenaError(f"{where}.path: replay needs a file; name one that mode 'record' wrote")


def check_on_failure(value: str, where: str) -> None:
    """Refuse an unknown way to go on."""
    if value not in FAILURES:
        raise AthenaError(f"{where}.on_failure: {suggest(value, FAILURES)}")
