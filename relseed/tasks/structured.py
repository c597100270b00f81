"""The form that a response must have, and reading what came, whether decoding was held to it or not."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from relseed.llm.request import Message, split_thoughts
from relseed.pipeline.templates import render
from relseed.records.candidates import Candidate, candidate_id
from relseed.records.files import problem_of
from relseed.tasks.task import Ask

CUT_OFF = "the response was cut off"
_BRACES = 1_000  # with which no object begins, after which none is looked for
_TRIED = 20  # places at which an object that was cut off may begin, from the end on


def json_schema(**properties: Any) -> dict[str, Any]:
    """The JSON schema of an object that has all these properties and no others."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def json_object(text: str, *wanted: str) -> dict[str, Any]:
    """The JSON object with the fields `wanted` that a response is, or holds among thoughts, notes and fences.

    Of several it is the last whose fields are all filled: a draft comes before what is final.

    Raises:
        ValueError: There is none.
    """
    _, answer = split_thoughts(text)
    found: list[dict[str, Any]] = []
    problems: list[ValueError] = []
    at = answer.find("{", 0, answer.rfind("}") + 1)
    while at >= 0 and len(problems) < _BRACES:
        try:
            value, end = _DECODER.raw_decode(answer, at)
        except ValueError as problem:
            problems.append(problem)
            end = at + 1
        else:
            found.append(value)
            end = end if value.keys() >= set(wanted) else at + 1
        at = answer.find("{", end)
    return _checked(_chosen(found, problems, wanted))


def _chosen(found: Sequence[dict[str, Any]], problems: Sequence[ValueError], wanted: Sequence[str]) -> dict[str, Any]:
    fit = [value for value in found if value.keys() >= set(wanted)]
    filled = [value for value in fit if all(value[name] for name in wanted)]
    if best := filled or fit:
        return best[-1]
    if problems or not found:
        raise next(iter(problems), ValueError("the response holds no JSON object"))
    return found[0]


def _checked(value: Any) -> Any:
    """The same; Python reads lone surrogates, which cannot be written as UTF-8."""
    json.dumps(value, ensure_ascii=False).encode()
    return value


def list_object(text: str, field: str, *, truncated: bool) -> tuple[dict[str, Any], str | None]:
    """The JSON object that has the list `field`, and None; where it was cut off, its whole items, and what is left.

    What is left is the item that was cut, or all of the text where no item is whole.

    Raises:
        ValueError: There is none, and the response was not cut off.
    """
    try:
        return json_object(text, field), None
    except (ValueError, RecursionError):
        if not truncated:
            raise
    _, answer = split_thoughts(text)
    for begun in list(re.finditer(rf'"{field}"\s*:\s*\[', answer))[: -_TRIED - 1 : -1]:
        items, cut_at = _items(answer, begun.end())
        if items and (head := _head(answer[: begun.start()])) is not None:
            return {**head, field: items}, answer[cut_at:] or None
    return {field: []}, text


def _head(text: str) -> dict[str, Any] | None:
    """The fields of an object that a text ends with, before another field; None where it ends with no object."""
    ended = text.rstrip().removesuffix(",")
    for begun in list(re.finditer(r"\{", ended))[: -_TRIED - 1 : -1]:
        try:
            return _checked(_DECODER.decode(ended[begun.start() :] + "}"))
        except (ValueError, RecursionError):
            continue
    return None


def _items(text: str, at: int) -> tuple[list[Any], int]:
    """The whole items of a list from `at` on, behind its bracket, and where that begins which is not whole."""
    items: list[Any] = []
    while True:
        at = _behind_blanks(text, at)
        try:
            item, end = _DECODER.raw_decode(text, at)
            _checked(item)
        except (ValueError, RecursionError):
            return items, at
        items.append(item)
        end = _behind_blanks(text, end)
        if text[end : end + 1] != ",":
            return items, len(text)
        at = end + 1


def _behind_blanks(text: str, at: int) -> int:
    while text[at : at + 1].isspace():
        at += 1
    return at


def describe_error(error: Exception) -> str:
    """What is wrong with a response, in one line."""
    return problem_of(error) if isinstance(error, ValidationError) else str(error)


class _Response(BaseModel):
    model_config = ConfigDict(extra="ignore")

    samples: list[Any]


# Line breaks and tabs inside of strings are read as they are: models write them.
_DECODER = json.JSONDecoder(strict=False)
_TEXTS = TypeAdapter(dict[str, str | None])
_LISTS = TypeAdapter(dict[str, list[str] | None])


@dataclass(frozen=True, slots=True)
class SamplesParser:
    """What all requests for samples as JSON share: how a response is read."""

    response_type: ClassVar[type[Any]]  # a model of responses, whose field `samples` is a list

    ask: Ask

    def parse(self, id: str, text: str, *, truncated: bool) -> list[Candidate]:
        """Read a response, whatever it is; what cannot be read becomes a candidate that says why."""
        try:
            values, rest = list_object(text, "samples", truncated=truncated)
            response = self.response_type.model_validate(values)
        except (ValueError, RecursionError) as error:
            return [self._candidate(id, 0, text, problem=describe_error(error))]
        if not response.samples:
            problem = CUT_OFF if truncated else "the response holds no sample"
            return [self._candidate(id, 0, text, truncated=truncated, problem=problem)]
        candidates: list[Candidate] = []
        for sample in response.samples:
            candidates += self._read(id, len(candidates), sample, response)
        if rest is not None:
            candidates.append(self._candidate(id, len(candidates), rest, truncated=True, problem=CUT_OFF))
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
