"""A preference pair: a line of `data/pairs/<name>/<half>.jsonl`."""

from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict

from relseed.llm.request import Message

Flaw = Literal["wrong_relation", "near_copy", "exact_copy"]
FLAWS = get_args(Flaw)


class PreferencePair(BaseModel):
    """Two responses to one prompt, the first of which is to be preferred."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str  # <relation>/<number of the prompt>/<flaw>/<number>
    flaw: Flaw  # of the one that is not preferred
    prompt: tuple[Message, ...]
    chosen: str
    rejected: str
