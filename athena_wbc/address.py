"""Addresses that users give: refused before anything is sent, in one line that shows no secret."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

from athena_wbc.errors import AthenaError

_NUMBERS = re.compile(r"\d+\.\d+\.\d+\.\d+")
_MOST_SHOWN = 80
_HIDDEN = "***"


def public_address(address: str) -> str:
    """A checked address without its query and fragment, which may hold a secret."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}{parts.path}"


def public_text(text: str) -> str:
    """A text that may hold addresses, up to the first query or fragment of one, which may hold a secret."""
    beginning, mark, rest = text.partition("://")
    shown = re.split(r"(?<=[?#])", rest, maxsplit=1)
    return text if len(shown) == 1 else f"{beginning}{mark}{shown[0]}{_HIDDEN}"


def check_address(address: str, where: str, example: str, secret: str) -> None:
    """Refuse what no HTTP request can be sent to.

    Args:
        address: of a server.
        where: file and key, the beginning of the message.
        example: an address of the form that is wanted.
        secret: what to do with a key instead of writing it into the address.

    Raises:
        AthenaError: no address, or one with a user or a password.
    """
    cause = ""
    try:
        parts = urlsplit(address)
        if parts.username is not None or parts.password is not None:
            raise AthenaError(f"{where}: holds a user or a password; {secret}")
        host, _ = parts.hostname or "", parts.port
        if ":" in host or _NUMBERS.fullmatch(host):
            ipaddress.ip_address(host.partition("%")[0])
        host.encode("idna")
        if not address.isascii() or not address.isprintable() or " " in address:
            cause = "it has blanks or letters beyond ASCII; percent-encode them"
        elif parts.scheme not in ("http", "https"):
            cause = "it does not begin with http:// or https://"
        elif not host:
            cause = "it names no host"
    except ValueError as error:
        cause = str(error)
    if cause:
        # A user, a password or a query may be secrets, and what is no address cannot be taken apart.
        shown = address.partition("?")[0][:_MOST_SHOWN]
        told = f"'{shown}' is no address ({cause})" if "@" not in address else "is no address"
        raise AthenaError(f"{where}: {told}; give one such as {example}")
