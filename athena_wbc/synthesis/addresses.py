"""Addresses of servers and tokens for them: what HTTP takes of them, told without repeating a secret."""

from __future__ import annotations

import ipaddress
import os
import re
from urllib.parse import urlsplit

from athena_wbc.errors import AthenaError

_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.IGNORECASE)
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")
_LONGEST_HOST = 253
_EXAMPLE = "give one as http://127.0.0.1:8000/generate"


def check_address(url: str, key: str, secret: str) -> None:
    """Refuse what no request can be sent to, and an address that holds a password.

    Nothing of the address is repeated, for what is wrong with it may be where a password stands.

    Args:
        url: the address.
        key: of the setting, with which errors begin.
        secret: key of the setting that a password belongs behind.

    Raises:
        AthenaError: one line with the key and the remedy.
    """
    wrong = next((place for place, letter in enumerate(url, 1) if not letter.isascii() or not "!" <= letter <= "~"), 0)
    if wrong:
        raise AthenaError(
            f"{key}: character {wrong} can stand in no address; write other letters than ASCII as %C3%A9 in the path, "
            "and as xn-- in the host"
        )
    try:
        address = urlsplit(url)
        host = address.hostname or ""
    except ValueError:
        raise AthenaError(f"{key}: is no address; {_EXAMPLE}") from None
    if "@" in address.netloc or (not address.netloc and "@" in url):
        raise AthenaError(
            f"{key}: holds a user or a password; take it out and name the environment variable of a token in {secret}"
        )
    if address.scheme not in ("http", "https") or not host:
        raise AthenaError(f"{key}: must begin with http:// or https:// and name a host; {_EXAMPLE}")
    try:
        is_port = address.port is None or address.port >= 1
    except ValueError:
        is_port = False
    if not is_port:
        raise AthenaError(f"{key}: the port must be a number from 1 to 65535; {_EXAMPLE}")
    if not _is_host(host):
        raise AthenaError(
            f"{key}: the host is no name and no number of a machine: parts between points have 1 to 63 letters, digits "
            f"and hyphens; {_EXAMPLE}"
        )


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


def _is_host(host: str) -> bool:
    if ":" in host:
        try:
            return ipaddress.ip_address(host).version == 6
        except ValueError:
            return False
    labels = host.removesuffix(".").split(".")
    return len(host) <= _LONGEST_HOST and all(_LABEL.fullmatch(label) for label in labels)
