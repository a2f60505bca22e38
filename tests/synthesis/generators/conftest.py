"""What tests of generators share."""

from __future__ import annotations

import sys
import types
from types import SimpleNamespace

import pytest


@pytest.fixture
def stub_transformers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A package transformers that needs no weights."""
    from tests.synthesis.generators.released import StubModel, tokens

    module = types.ModuleType("transformers")
    module.AutoTokenizer = SimpleNamespace(from_pretrained=lambda folder, local_files_only: tokens)
    module.AutoModel = SimpleNamespace(from_pretrained=StubModel.bert)
    module.CLIPTextModelWithProjection = SimpleNamespace(from_pretrained=StubModel.clip)
    monkeypatch.setitem(sys.modules, "transformers", module)
