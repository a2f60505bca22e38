"""What language models answer a scheduler, as schemas. Imports pydantic, so only who asks imports this."""

from __future__ import annotations

from typing import Annotated, Literal

import pydantic

_STRICT = pydantic.ConfigDict(extra="forbid")

Text = Annotated[str, pydantic.StringConstraints(strip_whitespace=True)]


class SetReply(pydantic.BaseModel):
    """The successor of one set. Slots and template decide; the texts are logged and read by nobody else."""

    model_config = _STRICT

    set: int
    change: Literal["step_back", "hold", "slight", "moderate", "significant"]
    harder_by: Text
    base_action: list[Text]
    combo_action: list[Text]
    detail: list[Text]
    speed_rhythm: list[Text]
    phrases_why: Text
    template: Text
    template_why: Text


class GroupReply(pydantic.BaseModel):
    """The successors of a group of sets."""

    model_config = _STRICT

    group_analysis: Text
    sets: list[SetReply]
