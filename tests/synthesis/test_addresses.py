"""Addresses and tokens that HTTP takes, and those that it does not."""

from __future__ import annotations

import pytest

from athena_wbc.errors import AthenaError
from athena_wbc.synthesis.addresses import check_address, check_variable, token_of


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8000/generate",
        "https://my-host.example.org/v1/motions?key=a%20b",
        "http://[::1]:8000/",
        "http://localhost",
        f"http://{'a' * 63}.org./",
        "http://gpu_box:65535/",
    ],
)
def test_addresses(url: str) -> None:
    check_address(url, "url", "token_variable")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("", "must begin with http"),
        ("ftp://host/pw", "must begin with http"),
        ("http:///pw", "must begin with http"),
        ("http://user:pw@host/", "holds a user or a password; .* token_variable"),
        ("user:pw@host", "holds a user or a password"),
        ("http://host/caf\u00e9pw", "character 16 can stand in no address"),
        ("http://b\u00fccher/pw", "character 9 can stand in no address"),
        ("http://host/a pw", "character 14 can stand in no address"),
        ("http://host/\npw", "character 13 can stand in no address"),
        (f"http://{'a' * 64}.org/pw", "the host is no name"),
        (f"http://{'a.' * 130}org/pw", "the host is no name"),
        ("http://a..b/pw", "the host is no name"),
        ("http://-a/pw", "the host is no name"),
        ("http://[::1/pw", "is no address"),
        ("http://[1::2::3]/pw", "is no address|the host is no name"),
        ("http://host:pw/", "the port must be a number from 1 to 65535"),
        ("http://host:0/pw", "the port must be"),
        ("http://host:65536/pw", "the port must be"),
    ],
)
def test_what_is_no_address(url: str, message: str) -> None:
    with pytest.raises(AthenaError, match=f"^url: {message}") as caught:
        check_address(url, "url", "token_variable")
    assert "pw" not in str(caught.value)


def test_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATHENA_TEST_TOKEN", " s3cret\n")
    assert token_of("ATHENA_TEST_TOKEN", "key") == "s3cret"
    for token, message in (("", "is not set; export it"), ("s3\ncret", "holds no token"), ("s3cr\u00e9t", "holds no")):
        monkeypatch.setenv("ATHENA_TEST_TOKEN", token)
        with pytest.raises(AthenaError, match=f"^key: the environment variable ATHENA_TEST_TOKEN {message}") as caught:
            token_of("ATHENA_TEST_TOKEN", "key")
        assert "s3" not in str(caught.value)
    with pytest.raises(AthenaError, match=r"^key: takes the NAME") as caught:
        check_variable("hf_s3cret", "key")
    assert "s3cret" not in str(caught.value)
