"""From a model's words to a checked object: the schema that is asked for, and what is made of the answer."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from athena_wbc.errors import AthenaError

if TYPE_CHECKING:
    import pydantic

Model = TypeVar("Model", bound="pydantic.BaseModel")

MOST_FAULTS = 12
"""Faults that a repair turn names; a model that got more wrong has them all from the first few."""

_THOUGHTS = re.compile(r"^\s*<think(?:ing)?>.*?</think(?:ing)?>", re.DOTALL)
_FENCE = re.compile(r"^\s*```[a-zA-Z]*\s*\n(.*?)\n?\s*```\s*$", re.DOTALL)


class ReplyError(ValueError):
    """An answer that is not what was asked for; `faults` are lines for the model to read."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = list(faults)


def need_package(name: str) -> Any:
    """Import ``openai`` or ``pydantic``.

    Raises:
        AthenaError: it is not installed, with the extra that brings it.
    """
    try:
        return __import__(name)
    except ImportError as error:
        raise AthenaError(
            f"language models need the package '{error.name}': pip install -e '.[synthesis]' in the checkout"
        ) from None


def strict_format(schema: type[Model]) -> dict[str, Any]:
    """``response_format`` by which a server holds the answer to the schema."""
    return {
        "type": "json_schema",
        "json_schema": {"name": schema.__name__, "schema": schema.model_json_schema(), "strict": True},
    }


def with_schema(messages: Sequence[Mapping[str, Any]], schema: type[Model]) -> list[dict[str, Any]]:
    """Messages that tell the schema in words, for servers that promise no more than any JSON object."""
    told = (
        "Answer with one JSON object and nothing else. It has to fit this JSON schema: "
        f"{json.dumps(schema.model_json_schema(), ensure_ascii=False)}"
    )
    copied = [dict(message) for message in messages]
    if copied and copied[0]["role"] == "system" and isinstance(copied[0]["content"], str):
        copied[0]["content"] += f"\n\n{told}"
        return copied
    return [{"role": "system", "content": told}, *copied]


def joined(messages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Messages with those of one role in a row made one."""
    result: list[dict[str, Any]] = []
    for message in messages:
        if not result or result[-1]["role"] != message["role"]:
            result.append(dict(message))
        elif isinstance(result[-1]["content"], str) and isinstance(message["content"], str):
            result[-1]["content"] += f"\n\n{message['content']}"
        else:
            result[-1]["content"] = [*_parts(result[-1]["content"]), *_parts(message["content"])]
    return result


def _parts(content: str | Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else list(content)


def parse_reply(text: str, schema: type[Model]) -> Model:
    """The object of an answer. Thoughts in front of it, a code fence around it and words about it are left out.

    Raises:
        ReplyError: no JSON object, or one that does not fit the schema.
    """
    pydantic = need_package("pydantic")
    body = _THOUGHTS.sub("", text, count=1).strip()
    if fenced := _FENCE.match(body):
        body = fenced.group(1)
    start = body.find("{")
    if start < 0:
        raise ReplyError(["the answer holds no JSON object"])
    try:
        content, _ = json.JSONDecoder().raw_decode(body, start)
    except (ValueError, RecursionError) as error:
        raise ReplyError([f"the answer is no valid JSON: {error}"]) from None
    try:
        return schema.model_validate(content)
    except pydantic.ValidationError as error:
        faults = [
            f"{'.'.join(map(str, fault['loc'])) or 'the object'}: {fault['msg']}"
            for fault in error.errors(include_url=False, include_context=False, include_input=False)
        ]
        raise ReplyError(faults[:MOST_FAULTS]) from None


def repair_turn(reply: str, faults: Sequence[str], schema: type[Model]) -> list[dict[str, Any]]:
    """The turn that shows a model its answer, what is wrong with it, and the schema.

    Some servers take a strict schema, and neither hold the model to it nor tell it.
    """
    listed = "\n".join(f"- {fault}" for fault in list(faults)[:MOST_FAULTS])
    return [
        {"role": "assistant", "content": reply or "(empty)"},
        {
            "role": "user",
            "content": f"This answer cannot be used:\n{listed}\nGive the whole JSON object again, corrected. It has to "
            f"fit this JSON schema: {json.dumps(schema.model_json_schema(), ensure_ascii=False)}",
        },
    ]


def quoted(text: str, most: int) -> str:
    """A text from outside as a JSON string, for use within a message: data that cannot end its own quotes.

    Longer texts are cut after `most` characters, and say so; half surrogates, which no encoding takes, are replaced.
    """
    clean = text.encode("utf-8", "replace").decode("utf-8")
    if len(clean) > most:
        clean = f"{clean[:most]} ... ({len(clean) - most} more characters left out)"
    return json.dumps(clean, ensure_ascii=False)
