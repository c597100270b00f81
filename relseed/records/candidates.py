"""What is written, on its way from a response to a training example: candidates, and those that a rule rejected."""

from collections.abc import Hashable
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, StringConstraints

REFUSED = "refused"  # the rule of a response that is a refusal: it comes before those of what an example says
Name = Annotated[str, StringConstraints(pattern=r"^[a-z_]+$")]  # to count by


class Candidate(BaseModel):
    """An example as an LLM wrote it, not yet checked: it may hold anything."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str  # see `candidate_id`
    method: str
    label: str  # that was asked for
    text: str  # as the task's prompts show an example's text; the whole response if it holds no example
    fields: dict[str, Any] = {}  # what else the response says of the example
    problem: str | None = None  # why the response could not be read
    truncated: bool = False  # the response was cut off at the most tokens allowed
    refused: bool = False  # the model would not, or a content filter did not let it; `problem` has its words


class Rejected(BaseModel):
    """A candidate that a rule rejected, and why."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    candidate: Candidate
    rule: Name
    reason: str


# Ids say where a candidate comes from: <method>/<unit>/<number of the request>/<number in the response>. A unit is what
# a method is asked for, a label for one; it may hold slashes, a method's name holds none.


def request_id(method: str, unit: str, number: int) -> str:
    """The id of a method's request number `number` about a unit."""
    return f"{method}/{unit}/{number}"


def candidate_id(request: str, number: int) -> str:
    """The id of candidate number `number` in the response to a request."""
    return f"{request}/{number}"


def negative_unit(near: str | None, surface: Hashable) -> str:
    """The unit of what comes near a label without stating it, or of a surface whose parts merely occur together.

    `near/leads`, or `co_occurrence/PERSON-ORGANIZATION`; `any` stands for a part of which nothing is known.
    """
    if near is not None:
        return f"near/{near}"
    parts = surface if isinstance(surface, tuple) else (surface,)
    return f"co_occurrence/{'-'.join('any' if part is None else str(part) for part in parts)}"


def method_of(id: str) -> str:
    """The method that a request or a candidate comes from."""
    return id.partition("/")[0]


def unit_of(request: str) -> str:
    """The unit that a request is about."""
    return request.partition("/")[2].rpartition("/")[0]


def request_of(candidate: str) -> str:
    """The request whose response holds a candidate."""
    return candidate.rpartition("/")[0]
