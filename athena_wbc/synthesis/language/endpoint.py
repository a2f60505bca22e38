"""Asking a language model for a checked object, with bounded patience."""

from __future__ import annotations

import dataclasses
import email.utils
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from athena_wbc.address import public_address
from athena_wbc.errors import AthenaError
from athena_wbc.synthesis.language.cassette import Cassette, question_key, without_images
from athena_wbc.synthesis.language.config import CassetteConfig, EndpointConfig, check_cassette, check_endpoint
from athena_wbc.synthesis.language.costs import CostLog, Usage
from athena_wbc.synthesis.language.structure import (
    Model,
    ReplyError,
    joined,
    need_package,
    parse_reply,
    repair_turn,
    strict_format,
    with_schema,
)

_LOGGER = logging.getLogger(__name__)

_BUSY = (408, 409, 425, 429)
"""Statuses besides those from 500 that another attempt may cure."""
_REFUSED = (400, 415, 422, 501)
"""Statuses by which servers refuse a form of answer that they do not know."""
_MOST_CAUSE = 300
_HIDDEN = "***"

Message = Mapping[str, Any]
Check = Callable[[Any], Sequence[str]]


class EndpointError(AthenaError):
    """A question got no usable answer. One line: the model, its address, the cause, the remedy."""


@dataclasses.dataclass(frozen=True)
class _Reply:
    text: str
    usage: Usage


class _FailedError(Exception):
    """There is no answer, for the cause in the message."""


class _UnusableError(_FailedError):
    """The server works, and its answer to this one question cannot be used."""


class Endpoint:
    """One model behind one address. Threads may ask at the same time.

    The key is read from the environment when the endpoint is made. It is in no message, file or representation of
    this class, and it is blotted out of whatever a server sends back.
    """

    def __init__(
        self,
        config: EndpointConfig,
        cassette: Cassette | None = None,
        costs: CostLog | None = None,
        where: str = "endpoint",
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Connect to nothing yet.

        Args:
            config: the model and how to ask it.
            cassette: keeps answers and gives them again; see there for its modes.
            costs: is told what every answer took.
            where: the configuration key, for errors.
            sleep: how to wait.

        Raises:
            AthenaError: settings that cannot work, a package or a key that is missing.
        """
        check_endpoint(config, where)
        need_package("pydantic")
        self.config = config
        self._cassette = cassette
        self._costs = costs
        self._sleep = sleep
        self._lock = threading.Lock()
        self._strict = config.structured != "json_object"
        self._failures = 0
        self._last_cause = ""
        self._key = ""
        self._client: Any = None
        if cassette is None or cassette.mode != "replay":
            self._connect(where)

    def _connect(self, where: str) -> None:
        openai = need_package("openai")
        config = self.config
        if config.api_key_env:
            self._key = os.environ.get(config.api_key_env, "").strip()
            if not self._key:
                raise AthenaError(
                    f"{where}.api_key_env: the environment variable {config.api_key_env} is not set; put the key of "
                    f"{public_address(config.base_url)} into it, or set api_key_env to '' for a server without keys"
                )
            if not self._key.isascii() or not self._key.isprintable():
                raise AthenaError(
                    f"{where}.api_key_env: the environment variable {config.api_key_env} holds no key: it has "
                    "characters that no HTTP header takes"
                )
        self._client = openai.OpenAI(
            base_url=config.base_url,
            api_key=self._key or "none",
            timeout=config.timeout_s,
            max_retries=0,
            # The client would send what these variables of OpenAI's hold to any address.
            default_headers={"OpenAI-Organization": openai.Omit(), "OpenAI-Project": openai.Omit()},
        )

    def __repr__(self) -> str:
        return f"Endpoint(model={self.config.model!r}, base_url={public_address(self.config.base_url)!r})"

    def ask(
        self,
        messages: Sequence[Message],
        schema: type[Model],
        *,
        seed: int = 0,
        purpose: str = "question",
        check: Check | None = None,
    ) -> tuple[Model, Usage]:
        """Ask for an object of a schema.

        An answer that does not fit, or that `check` has complaints about, gets one repair turn. Where that gets no
        answer, one that fits the schema counts as it is.

        Args:
            messages: of a chat, with ``role`` and ``content``; images as ``data:`` URLs.
            schema: a pydantic model; it should forbid extra fields and require all of its own.
            seed: part of the question's identity; sent where `send_seed` is set.
            purpose: a word for the cost log and for errors.
            check: complaints about an object that fits the schema, none if it is good.

        Returns:
            The object and what it took. Complaints of `check` that the repair did not cure stay: the caller decides.

        Raises:
            EndpointError: no answer, or none that fits the schema.
            CassetteMissError: a replay that does not know the question.
        """
        turns = [dict(message) for message in messages]
        reply = self._once(turns, schema, seed, purpose)
        try:
            parsed = parse_reply(reply.text, schema)
            faults = list(check(parsed)) if check else []
        except ReplyError as error:
            parsed, faults = None, error.faults
        if not faults and parsed is not None:
            return parsed, reply.usage
        turns += repair_turn(reply.text, faults, schema)
        try:
            repaired = self._once(turns, schema, seed, purpose)
        except EndpointError as error:
            if parsed is None:
                raise
            _LOGGER.warning("%s: the answer stays as it is, with %s: %s", purpose, "; ".join(faults), error)
            return parsed, reply.usage
        usage = reply.usage.plus(repaired.usage)
        try:
            return parse_reply(repaired.text, schema), usage
        except ReplyError as error:
            if parsed is not None:
                return parsed, usage
            failure = self._error(f"answered twice with what does not fit the schema: {error}")
            if self._cassette is not None and self._cassette.mode != "replay":
                # As a failure it is asked again by the next recording, which would else get stuck on the answer.
                self._cassette.keep(self._key_of(turns, schema, seed), self._about(schema, seed, str(failure)))
            raise failure from None

    def _once(self, turns: Sequence[Message], schema: type[Model], seed: int, purpose: str) -> _Reply:
        """One answer, from the cassette or from the server."""
        if self._cassette is None:
            reply = self._live(turns, schema, seed)
        else:
            key = self._key_of(turns, schema, seed)
            with self._cassette.claim(key):
                entry = self._cassette.find(key, f"{purpose}, {self.config.model}")
                reply = self._recorded(entry) if entry else self._record(key, turns, schema, seed)
        if self._costs is not None:
            self._costs.add(reply.usage, purpose)
        return reply

    def _key_of(self, turns: Sequence[Message], schema: type[Model], seed: int) -> str:
        config = self.config
        params = {"temperature": config.temperature, "max_tokens": config.max_tokens, "extra": config.extra}
        return question_key(config.model, turns, schema.model_json_schema(), params, seed)

    def _about(self, schema: type[Model], seed: int, error: str) -> dict[str, Any]:
        return {"model": self.config.model, "seed": seed, "schema": schema.__name__, "error": error}

    def _recorded(self, entry: Mapping[str, Any]) -> _Reply:
        if "reply" not in entry:
            raise EndpointError(str(entry["error"]))
        usage = Usage(
            model=self.config.model,
            input_tokens=int(entry.get("input_tokens") or 0),
            output_tokens=int(entry.get("output_tokens") or 0),
            seconds=float(entry.get("seconds") or 0.0),
            price=0.0,
            replayed=1,
        )
        return _Reply(str(entry["reply"]), usage)

    def _record(self, key: str, turns: Sequence[Message], schema: type[Model], seed: int) -> _Reply:
        assert self._cassette is not None
        try:
            reply = self._live(turns, schema, seed)
        except EndpointError as error:
            self._cassette.keep(key, self._about(schema, seed, str(error)))
            raise
        content = {"model": self.config.model, "seed": seed, "schema": schema.__name__, "reply": reply.text}
        used = {name: getattr(reply.usage, name) for name in ("input_tokens", "output_tokens", "seconds")}
        self._cassette.keep(key, content | used | {"messages": without_images(turns)})
        return reply

    def _live(self, turns: Sequence[Message], schema: type[Model], seed: int) -> _Reply:
        """One answer of the server, within the bounds on attempts; counts the questions that fail in a row."""
        with self._lock:
            failures, cause = self._failures, self._last_cause
        if self.config.give_up_after and failures >= self.config.give_up_after:
            raise self._error(f"was given up after {failures} questions in a row without an answer; the last: {cause}")
        try:
            reply = self._attempts(turns, schema, seed)
        except _FailedError as error:
            with self._lock:
                self._failures = 0 if isinstance(error, _UnusableError) else self._failures + 1
                self._last_cause = str(error)
            raise self._error(str(error)) from None
        with self._lock:
            self._failures = 0
        return reply

    def _attempts(self, turns: Sequence[Message], schema: type[Model], seed: int) -> _Reply:
        import openai

        started = time.monotonic()
        attempt = 0
        strict = self._strict
        while True:
            wait: float | None = None
            try:
                completion = self._client.chat.completions.create(**self._request(turns, schema, seed, strict))
                reply = self._read(completion, time.monotonic() - started)
                self._strict = strict
                return reply
            except openai.APIStatusError as error:
                if strict and self.config.structured == "auto" and error.status_code in _REFUSED:
                    # Where something else is wrong with the request, the other form is refused as well, and says why.
                    strict = False
                    continue
                cause = f"status {error.status_code}: {_told(error)}{_remedy(error)}"
                if not _may_pass(error):
                    raise _FailedError(self._clean(cause)) from None
                wait = _asked_wait(error)
            except openai.APITimeoutError:
                cause = f"no answer within {self.config.timeout_s:g} s; is the server up? Raise timeout_s if it is slow"
            except openai.APIConnectionError as error:
                cause = f"cannot be reached ({error.__cause__ or error}); start the server or correct base_url"
            except (openai.OpenAIError, ValueError, TypeError, AttributeError, IndexError) as error:
                cause = f"sent what is no chat completion ({type(error).__name__}: {error}); does base_url end in /v1?"
            if attempt >= self.config.retries:
                tried = "" if attempt == 0 else f"after {attempt + 1} attempts: "
                raise _FailedError(self._clean(tried + cause)) from None
            if wait is None:
                wait = self.config.backoff_s * 2.0**attempt
            attempt += 1
            _LOGGER.info("%s: %s; attempt %d follows", self, self._clean(cause), attempt + 1)
            self._sleep(min(wait, self.config.max_wait_s))

    def _request(self, turns: Sequence[Message], schema: type[Model], seed: int, strict: bool) -> dict[str, Any]:
        config = self.config
        messages = list(turns) if strict else with_schema(turns, schema)
        request: dict[str, Any] = {
            "model": config.model,
            "messages": joined(messages) if config.one_message else messages,
            "response_format": strict_format(schema) if strict else {"type": "json_object"},
            config.token_limit: config.max_tokens,
        }
        if config.temperature is not None:
            request["temperature"] = config.temperature
        if config.send_seed:
            request["seed"] = seed
        if config.extra:
            request["extra_body"] = dict(config.extra)
        return request

    def _read(self, completion: Any, seconds: float) -> _Reply:
        """The text and usage of a completion; what is none raises ValueError, AttributeError, IndexError, TypeError."""
        choice = completion.choices[0]
        text, refusal = choice.message.content, getattr(choice.message, "refusal", None)
        if choice.finish_reason == "length":
            raise _UnusableError(f"the answer was cut after {self.config.max_tokens} tokens; raise max_tokens")
        if refusal or choice.finish_reason == "content_filter":
            raise _UnusableError(f"the model refuses to answer ({self._clean(str(refusal or 'content filter'))})")
        if not isinstance(text, str):
            raise ValueError("its content is no text")
        used = completion.usage
        tokens_in = int(getattr(used, "prompt_tokens", 0) or 0)
        tokens_out = int(getattr(used, "completion_tokens", 0) or 0)
        usage = Usage(
            model=self.config.model,
            input_tokens=tokens_in,
            output_tokens=tokens_out,
            seconds=round(seconds, 3),
            price=self._price(tokens_in, tokens_out),
        )
        return _Reply(self._blot(text), usage)

    def _price(self, tokens_in: int, tokens_out: int) -> float | None:
        config = self.config
        if config.input_price is None or config.output_price is None:
            return None
        return (tokens_in * config.input_price + tokens_out * config.output_price) / 1e6

    def _blot(self, text: str) -> str:
        return text.replace(self._key, _HIDDEN) if self._key else text

    def _clean(self, text: str) -> str:
        """One line without the key, not too long."""
        line = " ".join(self._blot(text).split())
        return line if len(line) <= _MOST_CAUSE else f"{line[:_MOST_CAUSE]} ..."

    def _error(self, cause: str) -> EndpointError:
        where = public_address(self.config.base_url)
        return EndpointError(f"model '{self.config.model}' at {where}: {self._clean(cause)}")


def connect(
    config: EndpointConfig,
    cassette: CassetteConfig,
    costs: str,
    where: str,
    sleep: Callable[[float], None] = time.sleep,
) -> Endpoint:
    """An endpoint with its files; `costs` is the path of the cost log, or empty. Errors as of :class:`Endpoint`."""
    check_cassette(cassette, f"{where}.cassette")
    tape = Cassette(Path(cassette.path), cassette.mode) if cassette.mode != "off" and cassette.path else None
    log = CostLog(Path(costs)) if costs else None
    return Endpoint(config, tape, log, f"{where}.endpoint", sleep)


def _told(error: Any) -> str:
    """What a server says about an error, whatever form it says it in."""
    body = error.body
    if isinstance(body, list) and body:
        body = body[0]
    if isinstance(body, Mapping):
        inner = body.get("error", body)
        if isinstance(inner, Mapping) and isinstance(inner.get("message"), str):
            return inner["message"]
    return str(error.message)


def _remedy(error: Any) -> str:
    if error.status_code in (401, 403):
        return "; check the key in the variable of api_key_env"
    if error.status_code == 404:
        return "; check base_url and model"
    return ""


def _may_pass(error: Any) -> bool:
    """Whether another attempt may get an answer. An account without money stays without."""
    if error.status_code == 429:
        return getattr(error, "code", None) != "insufficient_quota"
    return error.status_code in _BUSY or error.status_code >= 500


def _asked_wait(error: Any) -> float | None:
    """Seconds that the server asks to wait, None if it does not say."""
    headers = error.response.headers
    for name, scale in (("retry-after-ms", 1e-3), ("retry-after", 1.0)):
        try:
            wait = float(headers.get(name, "")) * scale
        except ValueError:
            continue
        if wait >= 0.0:
            return wait
    try:
        moment = email.utils.parsedate_to_datetime(headers.get("retry-after", ""))
        return max(0.0, moment.timestamp() - time.time())
    except (TypeError, ValueError):
        return None
