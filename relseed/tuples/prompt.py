"""Which names could stand in this relation? The question, and how an answer is read."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from relseed.llm.request import Message
from relseed.pipeline.templates import render
from relseed.records.candidates import Candidate, candidate_id
from relseed.tasks.relation import Relation
from relseed.tasks.structured import CUT_OFF, describe_error, json_schema, list_object

METHOD = "tuples"


class _Response(BaseModel):
    model_config = ConfigDict(extra="ignore")

    tuples: list[Any]


@dataclass(frozen=True, slots=True)
class TuplePrompt:
    """A request for tuples of one relation."""

    relation: Relation
    count: int
    taken: Sequence[tuple[str, str]]  # pairs of names that must not come again

    def messages(self) -> tuple[Message, ...]:
        """The conversation that shows what is taken."""
        template = Path(__file__).with_name("tuples.jinja")
        text = render(template, relation=self.relation, count=self.count, taken=self.taken)
        return (Message(role="user", content=text),)

    def response_schema(self) -> dict[str, Any]:
        """The JSON schema that a response must fit."""
        pair = json_schema(head={"type": "string"}, tail={"type": "string"})
        tuples = {"type": "array", "items": pair, "minItems": self.count, "maxItems": self.count}
        return json_schema(relation={"type": "string"}, tuples=tuples)

    def parse(self, id: str, text: str, *, truncated: bool) -> list[Candidate]:
        """A response, whatever it is, as a candidate for each tuple in it; `id` is the request's. Never raises."""
        try:
            values, rest = list_object(text, "tuples", truncated=truncated)
            found = _Response.model_validate(values).tuples
        except (ValueError, RecursionError) as error:
            return [self._candidate(id, 0, text, problem=describe_error(error))]
        candidates = [self._read(id, number, each) for number, each in enumerate(found)]
        if rest is not None:
            candidates.append(self._candidate(id, len(found), rest, truncated=True, problem=CUT_OFF))
        return candidates

    def _read(self, id: str, number: int, found: Any) -> Candidate:
        fields = found if isinstance(found, dict) else {}
        return self._candidate(id, number, json.dumps(found, ensure_ascii=False), fields=fields)

    def _candidate(self, id: str, number: int, text: str, **others: Any) -> Candidate:
        label = self.relation.relation
        return Candidate(id=candidate_id(id, number), method=METHOD, label=label, text=text, **others)
