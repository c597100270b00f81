"""The form that a response must have, and reading what came, whether decoding was held to it or not."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from relseed.llm.request import Message
from relseed.pipeline.templates import render
from relseed.records.candidates import Candidate, candidate_id
from relseed.records.files import problem_of
from relseed.tasks.task import Ask


def json_schema(**properties: Any) -> dict[str, Any]:
    """The JSON schema of an object that has all these properties and no others."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def json_object(text: str) -> dict[str, Any]:
    """The JSON object that a response is, or holds in a fenced block or between words.

    Raises:
        ValueError: There is none.
    """
    start, end = text.find("{"), text.rfind("}")
    if start < 0 or end < start:
        raise ValueError("the response holds no JSON object")
    value: dict[str, Any] = json.loads(text[start : end + 1])
    # Python reads lone surrogates, which cannot be written as UTF-8.
    json.dumps(value, ensure_ascii=False).encode()
    return value


def describe_error(error: Exception) -> str:
    """What is wrong with a response, in one line."""
    return problem_of(error) if isinstance(error, ValidationError) else str(error)


class _Response(BaseModel):
    model_config = ConfigDict(extra="ignore")

    samples: list[Any]


_TEXTS = TypeAdapter(dict[str, str | None])
_LISTS = TypeAdapter(dict[str, list[str] | None])


@dataclass(frozen=True, slots=True)
class SamplesParser:
    """What all requests for samples as JSON share: how a response is read."""

    response_type: ClassVar[type[Any]]  # a model of responses, whose field `samples` is a list

    ask: Ask

    def parse(self, id: str, text: str, *, truncated: bool) -> list[Candidate]:
        """Read a response, whatever it is; what cannot be read becomes a candidate that says why."""
        if truncated:
            return [self._candidate(id, 0, text, truncated=True, problem="the response was cut off")]
        try:
            response = self.response_type.model_validate(json_object(text))
        except (ValueError, RecursionError) as error:
            return [self._candidate(id, 0, text, problem=describe_error(error))]
        if not response.samples:
            return [self._candidate(id, 0, text, problem="the response holds no sample")]
        candidates: list[Candidate] = []
        for sample in response.samples:
            candidates += self._read(id, len(candidates), sample, response)
        return candidates

    def _read(self, id: str, number: int, sample: Any, response: Any) -> list[Candidate]:
        """The candidates of a sample of a response, the first of them number `number` of the response."""
        raise NotImplementedError

    def _candidate(self, id: str, number: int, text: str, *, label: str | None = None, **others: Any) -> Candidate:
        """One with this label, or with that which was asked for."""
        label = self.ask.label if label is None else label
        return Candidate(id=candidate_id(id, number), method=self.ask.method, label=label, text=text, **others)


@dataclass(frozen=True, slots=True)
class SamplesPrompt(SamplesParser):
    """A request for samples that are JSON objects, one of whose fields is the text of an example."""

    response_type = _Response

    template: Path  # it is given `ask`, `fields` and `demonstrations`
    fields: Mapping[str, Any]  # JSON schemas, in order: what is written later is conditioned on what stands before it
    text: str  # the field that becomes a candidate's text; the others become its fields
    show: Callable[[Any], str]  # an example as such an object

    def messages(self, demonstrations: Sequence[str]) -> tuple[Message, ...]:
        """The conversation that shows `demonstrations`, examples as JSON, in the order given."""
        asked = render(self.template, ask=self.ask, fields=self.fields, demonstrations=demonstrations)
        return (Message(role="user", content=asked),)

    def response_schema(self) -> dict[str, Any]:
        """The JSON schema that a response must fit."""
        items, count = json_schema(**self.fields), self.ask.count
        return json_schema(samples={"type": "array", "items": items, "minItems": count, "maxItems": count})

    def render_target(self, example: Any) -> str:
        """The response that an LLM would give if it wrote this one example."""
        return json.dumps({"samples": [json.loads(self.show(example))]}, ensure_ascii=False)

    def _read(self, id: str, number: int, sample: Any, response: Any) -> list[Candidate]:
        try:
            fields = self._fields(sample)
            if (text := fields.pop(self.text)) is None:
                raise ValueError(f"{self.text}: Field required")
        except ValueError as error:
            shown = json.dumps(sample, ensure_ascii=False)
            return [self._candidate(id, number, shown, problem=describe_error(error))]
        return [self._candidate(id, number, text, fields=fields)]

    def _fields(self, sample: Any) -> dict[str, Any]:
        if not isinstance(sample, dict):
            return dict(_TEXTS.validate_python(sample))  # raises what is wrong with it
        asked_for = {name: sample.get(name) for name in self.fields}
        lists = {name: asked_for.pop(name) for name, schema in self.fields.items() if schema.get("type") == "array"}
        return {**_TEXTS.validate_python(asked_for), **_LISTS.validate_python(lists)}
