"""What LLMs write, on its way from an answer to a training sentence: drafts, accepted and rejected."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

from relseed.tasks.relation import Example

Word = Annotated[str, StringConstraints(pattern=r"^[a-z_]+$")]  # to count by


class Draft(BaseModel):
    """A sentence as an LLM wrote it, not yet checked; its tags and types may be anything."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str  # <method>/<relation>/<number of the request>/<number in the answer>
    method: str
    relation: str  # the label that was asked for
    said: str | None = None  # what the answer calls the relation, if it says
    text: str  # with the tags; the whole answer if it holds no sentence
    head_type: str | None = None
    tail_type: str | None = None
    problem: str | None = None  # why the answer could not be read
    truncated: bool = False  # the answer was cut off at the most tokens allowed


class Accepted(Example):
    """A written example that passed all checks."""

    method: str


class Rejected(BaseModel):
    """A draft that a check turned down, and why."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    draft: Draft
    check: Word
    reason: str


class Explanation(BaseModel):
    """Why the head of a seed has its relation to the tail, in an LLM's words."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str  # explain/<id of the seed>
    seed: str  # id of the example
    relation: str
    text: str
    trigger: str  # the words of the sentence that carry the relation; empty where none do
