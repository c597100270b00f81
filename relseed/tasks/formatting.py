"""Examples as JSON objects: one that is shown decides the form and the kind of those that are written after it.

Lee et al. 2023, "Making Large Language Models Better Data Creators", section 3: options and answer stand before the
text where all examples have the same options, so that the text is conditioned on them; else they come after it.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from relseed.llm.request import Message
from relseed.pipeline.templates import render
from relseed.records.candidates import Candidate
from relseed.tasks.structured import SamplesParser, describe_error, json_schema

_TEMPLATE = Path(__file__).with_name("formatting.jinja")


@dataclass(frozen=True, slots=True)
class Read:
    """What a JSON object says: what a candidate is made of."""

    label: str
    text: str
    fields: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Format:
    """How a task has an example as a flat JSON object, whose field `answer` is its label as it is shown."""

    about: str  # what a sample is, in words
    rules: Sequence[str]  # what holds of each sample, in a sentence each
    options: Mapping[str, str] | None  # labels as they are shown, the same for all; None: each sample has its own
    definitions: Mapping[str, str]  # of these labels, where they are to be shown
    sample: Callable[[str | None], dict[str, Any]]  # the JSON schema of a sample; of this label, or of any
    write: Callable[[Any], dict[str, Any]]  # an example as such an object
    read: Callable[[Mapping[str, Any]], Read]  # raises ValueError where an object is no sample


class _Response(BaseModel):
    model_config = ConfigDict(extra="ignore")

    options: Any = None
    samples: list[Any]


@dataclass(frozen=True, slots=True)
class FormattingPrompt(SamplesParser):
    """A request for more samples in the format of one that is shown."""

    response_type = _Response

    format: Format

    def messages(self, demonstrations: Sequence[Any]) -> tuple[Message, ...]:
        """The conversation: instructions, then the examples, mostly one, as a response would hold them."""
        ask, format = self.ask, self.format
        asked = render(
            _TEMPLATE,
            format=format,
            count=ask.count,
            answers=[self._shown(label) for label in ask.answers],
            all_different=format.options is None or len(format.options) >= ask.count,
            shortest=ask.rules.min_words,
            longest=ask.rules.max_words,
        )
        shown = "\n".join(map(self.render_target, demonstrations))
        return Message(role="system", content=asked), Message(role="user", content=shown)

    def response_schema(self) -> dict[str, Any]:
        """The JSON schema that a response must fit."""
        wanted = self.ask.answers or [None] * self.ask.count
        count = {"minItems": len(wanted), "maxItems": len(wanted)}
        samples = [self.format.sample(label) for label in wanted]
        if self.ask.answers:
            return self._object({"type": "array", "prefixItems": samples, "items": False, **count})
        return self._object({"type": "array", "items": samples[0], **count})

    def render_target(self, example: Any) -> str:
        """The response that an LLM would give if it wrote this one example."""
        options = {} if self.format.options is None else {"options": list(self.format.options.values())}
        return json.dumps({**options, "samples": [self.format.write(example)]}, ensure_ascii=False)

    def _object(self, samples: dict[str, Any]) -> dict[str, Any]:
        if self.format.options is None:
            return json_schema(samples=samples)
        return json_schema(options={"const": list(self.format.options.values())}, samples=samples)

    def _read(self, id: str, number: int, sample: Any, response: _Response) -> list[Candidate]:
        try:
            self._check(number, sample, response)
            found = self.format.read(sample)
        except ValueError as error:
            shown = json.dumps(sample, ensure_ascii=False)
            return [self._candidate(id, number, shown, problem=describe_error(error))]
        return [self._candidate(id, number, found.text, label=found.label, fields=found.fields)]

    def _check(self, number: int, sample: Any, response: _Response) -> None:
        if number >= self.ask.count:
            raise ValueError(f"sample {number + 1} of a response that was to hold {self.ask.count}")
        if not isinstance(sample, dict):
            raise ValueError("the sample is no JSON object")
        if self.format.options is not None and response.options not in (None, list(self.format.options.values())):
            raise ValueError("the response has other options than the example that it was shown")

    def _shown(self, label: str) -> str:
        return (self.format.options or {}).get(label, label)


def text_of(sample: Mapping[str, Any], field: str) -> str:
    """A field of a sample that must be text.

    Raises:
        ValueError: It is missing, or something else.
    """
    if not isinstance(value := sample.get(field), str) or not value.strip():
        raise ValueError(f"{field}: a text is required")
    return value


def texts_of(sample: Mapping[str, Any], field: str) -> list[str]:
    """A field of a sample that must be a list of texts.

    Raises:
        ValueError: It is missing, or something else.
    """
    if not isinstance(values := sample.get(field), list) or not all(isinstance(value, str) for value in values):
        raise ValueError(f"{field}: a list of texts is required")
    return values


def label_of(answer: str, options: Mapping[str, str]) -> str:
    """The label that is shown as an answer, letter case and blanks around both aside.

    Raises:
        ValueError: There is none.
    """
    plain = answer.strip().casefold()
    for label, shown in options.items():
        if shown.strip().casefold() == plain:
            return label
    raise ValueError(f"the answer {answer!r} is not among the options")
