"""Sentences with every name marked and all that is stated listed: what is asked for, and how each pair is read."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from relseed.llm.request import Message
from relseed.pipeline.templates import render
from relseed.records.candidates import Candidate
from relseed.tasks.relation import Example, Mention, Relation, Schema, Sentence
from relseed.tasks.relation.prompt import known_types
from relseed.tasks.relation.tags import TAG, tagged
from relseed.tasks.structured import SamplesParser, describe_error, json_schema
from relseed.tasks.task import Ask

_TEMPLATE = Path(__file__).with_name("passages.jinja")
_NAME = re.compile(r"<(\d+)>(.*?)</\1>")
_BESIDE, _FREE = "passage", "free"  # kinds of negatives: beside the label that is asked for, in a free sentence
_MOST_NAMES = 20  # of a sentence: each two of them are two examples


class _Stated(BaseModel):
    model_config = ConfigDict(extra="ignore")

    head: int
    relation: str
    tail: int


class _Sample(BaseModel):
    model_config = ConfigDict(extra="ignore")

    sentence: str
    types: tuple[str, ...] | None = None
    stated: tuple[_Stated, ...]


class _Response(BaseModel):
    model_config = ConfigDict(extra="ignore")

    samples: list[Any]


@dataclass(frozen=True, slots=True)
class PassagePrompt(SamplesParser):
    """A request for sentences that state a relation among others and among pairs of which nothing is stated.

    For the negative label they are free to state whatever their story does, or nothing.
    """

    response_type = _Response

    relation: Relation
    types: tuple[str, ...]  # of mentions, where the schema or the seeds know any

    @classmethod
    def of(cls, ask: Ask) -> "PassagePrompt":
        """The request that asks for this."""
        return cls(ask, ask.schema.by_label[ask.label], known_types(ask.schema, ask.seeds))

    def messages(self, demonstrations: Sequence[str]) -> tuple[Message, ...]:
        """The conversation that shows `demonstrations`, sentences with tags, in the order given."""
        asked = render(
            _TEMPLATE,
            relation=self.relation,
            others=[other for other in self.ask.schema.relations if not other.negative],
            demonstrations=demonstrations,
            types=self.types,
            count=self.ask.count,
            shortest=self.ask.rules.min_words,
            longest=self.ask.rules.max_words,
            diversity=self.ask.diversity_instruction,
        )
        return (Message(role="user", content=asked),)

    def response_schema(self) -> dict[str, Any]:
        """The JSON schema that a response must fit."""
        names = [relation.name for relation in self.ask.schema.relations if not relation.negative]
        number = {"type": "integer", "minimum": 1}
        stated = json_schema(head=number, relation={"enum": names}, tail=number)
        types = {"types": {"type": "array", "items": {"enum": list(self.types)}}} if self.types else {}
        sample = json_schema(sentence={"type": "string"}, **types, stated={"type": "array", "items": stated})
        count = self.ask.count
        return json_schema(samples={"type": "array", "items": sample, "minItems": count, "maxItems": count})

    def render_target(self, example: Example) -> str:
        """The response that an LLM would give if it wrote this one sentence."""
        names = sorted((example.head, example.tail), key=lambda mention: mention.start)
        text = _numbered(example.text, names)
        types = {"types": [mention.type for mention in names]} if self.types else {}
        ends = {"head": 1 + names.index(example.head), "tail": 1 + names.index(example.tail)}
        stated = {"head": ends["head"], "relation": self.relation.name, "tail": ends["tail"]}
        sample = {"sentence": text, **types, "stated": [] if self.relation.negative else [stated]}
        return json.dumps({"samples": [sample]}, ensure_ascii=False)

    def _read(self, id: str, number: int, sample: Any, response: Any) -> list[Candidate]:
        try:
            pairs = list(self._pairs(_Sample.model_validate(sample)))
            if not pairs:
                raise ValueError("nothing is stated, and no two names have types that a relation asks for")
        except ValueError as error:
            shown = json.dumps(sample, ensure_ascii=False)
            return [self._candidate(id, number, shown, problem=describe_error(error))]
        return [
            self._candidate(id, number + place, text, label=label, fields=fields)
            for place, (label, text, fields) in enumerate(pairs)
        ]

    def _pairs(self, sample: _Sample) -> Iterator[tuple[str, str, dict[str, str]]]:
        """Label, tagged text and fields of each pair that is stated, and of each other that could have a relation.

        Raises:
            ValueError: The names cannot be read, or what is listed is not of them.
        """
        schema = self.ask.schema
        text, names = _read_names(sample, typed=bool(self.types))
        stated = self._read_stated(sample, len(names))
        known, kind = set(_in_words(text, names, stated, schema)), _FREE if self.relation.negative else _BESIDE
        for head, tail in permutations(range(len(names)), 2):
            pair = Sentence(text=text, head=names[head], tail=names[tail])
            if label := stated.get((head, tail)):
                yield label, tagged(pair), _types(pair) | {"relation": schema.by_label[label].name}
            elif schema.negative and schema.relates(pair.head, pair.tail) and _words(pair) not in known:
                yield schema.negative, tagged(pair), _types(pair) | {"kind": kind}

    def _read_stated(self, sample: _Sample, names: int) -> dict[tuple[int, int], str]:
        """The labels of pairs of names, by their numbers from 0; of several for a pair that which was asked for."""
        labels = {relation.name: relation.relation for relation in self.ask.schema.relations if not relation.negative}
        stated: dict[tuple[int, int], str] = {}
        for each in sorted(sample.stated, key=lambda each: each.relation != self.relation.name):
            if each.relation not in labels:
                raise ValueError(f"{each.relation!r} is none of the relations")
            if each.head == each.tail or not (1 <= each.head <= names and 1 <= each.tail <= names):
                raise ValueError(f"{each.relation} is listed of {each.head} and {each.tail}, there are {names} names")
            stated.setdefault((each.head - 1, each.tail - 1), labels[each.relation])
        return stated


def _read_names(sample: _Sample, *, typed: bool) -> tuple[str, list[Mention]]:
    text, place, names = "", 0, []
    for number, found in enumerate(_NAME.finditer(sample.sentence), start=1):
        if int(found[1]) != number:
            raise ValueError(f"name {number} is marked as {found[1]}")
        text += sample.sentence[place : found.start()]
        names.append({"start": len(text), "end": len(text) + len(found[2])})
        text, place = text + found[2], found.end()
    text += sample.sentence[place:]
    if len(names) < 2:
        raise ValueError(f"{len(names)} names are marked, two are the least")
    if len(names) > _MOST_NAMES:
        raise ValueError(f"{len(names)} names are marked, {_MOST_NAMES} are the most")
    if re.search(r"</?\d+>", text) or TAG.search(text):
        raise ValueError("a tag is left over: names are marked once, and not inside each other")
    types = sample.types if typed else (None,) * len(names)
    if types is None or len(types) != len(names):
        raise ValueError(f"{len(types or ())} types are given for {len(names)} names")
    return text, [Mention(**name, type=type) for name, type in zip(names, types, strict=True)]


def _in_words(
    text: str, names: Sequence[Mention], stated: Mapping[tuple[int, int], str], schema: Schema
) -> Iterator[tuple[str, str]]:
    """The pairs, as words, that are not unrelated: a name may be marked twice, and what is stated holds of both."""
    words = [name.text_of(text) for name in names]
    yield from ((word, word) for word in words)
    for (head, tail), label in stated.items():
        yield words[head], words[tail]
        if schema.by_label[label].symmetric:
            yield words[tail], words[head]


def _words(pair: Sentence) -> tuple[str, str]:
    return pair.head.text_of(pair.text), pair.tail.text_of(pair.text)


def _types(pair: Sentence) -> dict[str, str]:
    return {role: type for role, type in (("head_type", pair.head.type), ("tail_type", pair.tail.type)) if type}


def _numbered(text: str, names: Sequence[Mention]) -> str:
    parts, place = [], 0
    for number, mention in enumerate(names, start=1):
        parts += [text[place : mention.start], f"<{number}>{mention.text_of(text)}</{number}>"]
        place = mention.end
    return "".join([*parts, text[place:]])
