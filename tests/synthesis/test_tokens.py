"""Tokens that HTTP takes, and those that it does not."""

from __future__ import annotations

import pytest

from athena_wbc.errors import AthenaError
from athena_wbc.synthesis.tokens import check_variable, token_of


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
