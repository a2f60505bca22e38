"""Addresses: what is one, and what is refused before openai or urllib stumble over it."""

from __future__ import annotations

import pytest

from athena_wbc.address import check_address, public_address, public_text
from athena_wbc.errors import AthenaError


def check(address: str) -> None:
    check_address(address, "run.yaml: url", "http://localhost:8000/v1", "use a variable")


@pytest.mark.parametrize(
    "address",
    [
        "http://localhost:8000/v1",
        "https://api.openai.com/v1",
        "http://127.0.0.1/irg?version=2",
        "http://[::1]:8000/v1",
        "https://a_b.example.org:443/openai/",
        "HTTP://HOST",
    ],
)
def test_addresses(address: str) -> None:
    check(address)


@pytest.mark.parametrize(
    ("address", "cause"),
    [
        ("", "does not begin with http"),
        ("localhost:8000", "does not begin with http"),
        ("file:///etc/hosts", "does not begin with http"),
        ("http://", "names no host"),
        ("http://:8000/v1", "names no host"),
        ("http://localhost:abc/v1", "Port could not be cast"),
        ("http://localhost:99999/v1", "Port out of range"),
        ("http://[bad/irg", "Invalid IPv6 URL"),
        ("http://[::zz]/irg", "."),
        ("http://999.1.1.1/v1", "999.1.1.1"),
        ("http://a..b/v1", "label empty"),
        ("http://a b/v1", "percent-encode"),
        ("http://host/v1\n", "percent-encode"),
        ("http://host/ärger", "percent-encode"),
    ],
)
def test_no_addresses(address: str, cause: str) -> None:
    with pytest.raises(AthenaError, match=rf"^run\.yaml: url: '.*' is no address \(.*{cause}.*\); give one") as caught:
        check(address)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "address", ["http://me:hush@host/v1", "http://hush@host", "http://me:hush@host:abc/v1", "http://me:hush@[x"]
)
def test_secrets_are_refused_and_not_shown(address: str) -> None:
    with pytest.raises(AthenaError) as caught:
        check(address)
    assert "hush" not in str(caught.value)


def test_a_query_is_not_shown() -> None:
    assert public_address("https://host.org:81/generate?key=hush#hush") == "https://host.org:81/generate"
    with pytest.raises(AthenaError, match="'http://host:abc/' is no address") as caught:
        check("http://host:abc/?key=hush")
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://host/generate?key=hush", "https://host/generate?***"),
        ("https://host/generate#hush", "https://host/generate#***"),
        ("[{'url': 'https://host/a?key=hu'sh', 'b': 'http://c?key=hush'}]", "[{'url': 'https://host/a?***"),
        ("https://host/generate", "https://host/generate"),
        ("corpus/?label = 'dynamic'", "corpus/?label = 'dynamic'"),
        ("0.9", "0.9"),
    ],
)
def test_no_query_is_shown_in_a_text(text: str, shown: str) -> None:
    assert public_text(text) == shown
