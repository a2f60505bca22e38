"""Tokens for servers, from the environment: what HTTP takes of them, told without repeating a secret."""

from __future__ import annotations

import os
import re

from athena_wbc.errors import AthenaError

_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")


def token_of(variable: str, key: str) -> str:
    """The token in an environment variable.

    Args:
        variable: its name.
        key: of the setting that names it, with which errors begin.

    Raises:
        AthenaError: no such variable, or a content that no header of HTTP takes; it is never repeated.
    """
    check_variable(variable, key)
    token = os.environ.get(variable, "").strip()
    if not token:
        raise AthenaError(f"{key}: the environment variable {variable} is not set; export it")
    if not all("!" <= letter <= "~" for letter in token):
        raise AthenaError(
            f"{key}: the environment variable {variable} holds no token: it has a space, a line break or letters that "
            "are not ASCII; export the token alone"
        )
    return token


def check_variable(variable: str, key: str) -> None:
    """Refuse what is no name of an environment variable. It may be the token itself, so it is not repeated."""
    if not _VARIABLE.fullmatch(variable):
        raise AthenaError(
            f"{key}: takes the NAME of an environment variable, in capitals, never the token; for instance MY_TOKEN"
        )
