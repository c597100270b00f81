"""New sentences: what an LLM is asked for, in what form it must come, and how a response is read."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from relseed.llm.request import Message
from relseed.pipeline.errors import UserError
from relseed.pipeline.templates import render
from relseed.records.candidates import Candidate
from relseed.tasks.relation import TASK, Example, Relation, Schema
from relseed.tasks.structured import SamplesParser, describe_error, json_schema
from relseed.tasks.task import Ask

Types = tuple[str | None, str | None]  # of head and tail; None for any

# Straight quotes, backslashes and control characters would have to be escaped inside the JSON string, which grammars
# made from a pattern do not all do.
ANY = r'[^<>"\\\x00-\x1f]'
_WORD = r'[^<>"\\\x00-\x20]'
_MENTION = rf"{_WORD}({ANY}*{_WORD})?"
_E1, _E2 = (rf"<{tag}>{_MENTION}</{tag}>" for tag in ("e1", "e2"))
SENTENCE = rf"^{ANY}*({_E1}{ANY}*{_E2}|{_E2}{ANY}*{_E1}){ANY}*$"


class _Sample(BaseModel):
    model_config = ConfigDict(extra="ignore")

    sentence: str
    kind: str | None = None
    head_type: str | None = None
    tail_type: str | None = None


class _Response(BaseModel):
    model_config = ConfigDict(extra="ignore")

    relation: str | None = None
    samples: list[Any]


@dataclass(frozen=True, slots=True)
class SentencePrompt(SamplesParser):
    """A request for sentences of a relation."""

    response_type = _Response

    relation: Relation
    types: tuple[str, ...]  # of mentions, where the relation names none

    @classmethod
    def of(cls, ask: Ask) -> "SentencePrompt":
        """The request that asks for this.

        Raises:
            UserError: It is for near-misses, and the relation can have none of the kinds that are asked for.
        """
        prompt = cls(ask, ask.schema.by_label[ask.label], known_types(ask.schema, ask.seeds))
        if ask.near and not prompt._kinds:
            raise UserError(
                f"the method {ask.method} asks for {', '.join(ask.kinds)} alone, which {ask.near} cannot be by its "
                "types or its symmetry: name another kind in its `negatives`"
            )
        return prompt

    def messages(self, demonstrations: Sequence[str]) -> tuple[Message, ...]:
        """The conversation that shows `demonstrations`, sentences with tags, in the order given."""
        ask = self.ask
        kind = ask.kind or "stated"
        asked = rendered(
            self._template,
            relation=self.relation,
            kind=kind,
            kinds=self._kinds,
            near=ask.schema.by_label.get(ask.near),
            others=self._others,
            demonstrations=demonstrations,
            head_types=self._types("head_type"),
            tail_types=self._types("tail_type"),
            count=ask.count,
            shortest=ask.rules.min_words,
            longest=ask.rules.max_words,
            diversity=ask.diversity_instruction,
        )
        user = Message(role="user", content=asked)
        if not ask.diversity_instruction:
            return (user,)
        varied = {"negative": self.relation.negative, "kind": kind, "varied": self._own_types == (None, None)}
        return Message(role="system", content=rendered("system", **varied)), user

    @property
    def _template(self) -> str:
        """That of the loop, if it has one; else that of a loop which asks for as many in a response."""
        if _path(self.ask.loop).is_file():
            return self.ask.loop
        return "all_at_once" if self.ask.count > 1 else "one_by_one"

    def response_schema(self) -> dict[str, Any]:
        """The JSON schema that a response must fit: tags and types are right by construction."""
        types = {role: {"enum": values} for role in ("head_type", "tail_type") if (values := self._types(role))}
        kinds = {"kind": {"enum": list(self._kinds)}} if self._kinds else {}
        return json_schema(
            relation={"enum": [self.relation.name]},
            samples={
                "type": "array",
                "items": json_schema(**kinds, sentence={"type": "string", "pattern": SENTENCE}, **types),
                "minItems": self.ask.count,
                "maxItems": self.ask.count,
            },
        )

    def render_target(self, example: Example) -> str:
        """The response that an LLM would give if it wrote this one sentence."""
        written: dict[str, Any] = {"sentence": TASK.show(example)}
        for role, mention in (("head_type", example.head), ("tail_type", example.tail)):
            if self._types(role):
                written[role] = mention.type
        return json.dumps({"relation": self.relation.name, "samples": [written]}, ensure_ascii=False)

    def _read(self, id: str, number: int, sample: Any, response: _Response) -> list[Candidate]:
        try:
            found = _Sample.model_validate(sample)
        except ValidationError as error:
            shown = json.dumps(sample, ensure_ascii=False)
            return [self._candidate(id, number, shown, problem=describe_error(error))]
        fields = {"relation": response.relation, "head_type": found.head_type, "tail_type": found.tail_type}
        said = {"kind": found.kind if found.kind in self._kinds else self.ask.kind, "near": self.ask.near}
        fields |= {name: value for name, value in said.items() if value}
        return [self._candidate(id, number, found.sentence, fields=fields)]

    @property
    def _kinds(self) -> tuple[str, ...]:
        """The kinds over which the samples are spread: those that the relation that they come near can have."""
        near = self.ask.schema.by_label.get(self.ask.near)
        return tuple(kind for kind in self.ask.kinds if kind != "inverse" or near is None or near.reversible)

    @property
    def _others(self) -> list[Relation]:
        """The relations that must not hold: those that could, by the types that are asked for, in either direction."""
        own = self._own_types
        return [
            other
            for other in self.ask.schema.relations
            if not other.negative
            and (_agree((other.head_type, other.tail_type), own) or _agree((other.tail_type, other.head_type), own))
        ]

    @property
    def _own_types(self) -> Types:
        """The types that head and tail must have, as far as the request names them."""
        relation = self.ask.schema.by_label.get(self.ask.near, self.relation)
        return self.ask.surface or (relation.head_type, relation.tail_type)

    def _types(self, role: str) -> list[str]:
        """The types that a mention may have; none where nobody knows any."""
        own = self._own_types[role == "tail_type"]
        return [own] if own else list(self.types)


def known_types(schema: Schema, seeds: Sequence[Example]) -> tuple[str, ...]:
    """The entity types that a mention may have: those that relations name, in their order, then others of seeds."""
    named = [type for relation in schema.relations for type in (relation.head_type, relation.tail_type)]
    seen = sorted({mention.type for seed in seeds for mention in (seed.head, seed.tail) if mention.type})
    return tuple(dict.fromkeys(type for type in (*named, *seen) if type))


def _agree(first: Types, second: Types) -> bool:
    """Whether the same two mentions can have both pairs of types."""
    return all(None in pair or pair[0] == pair[1] for pair in zip(first, second, strict=True))


def rendered(name: str, **fields: Any) -> str:
    """The template of a name beside this file, filled."""
    return render(_path(name), **fields)


def _path(name: str) -> Path:
    return Path(__file__).with_name(f"{name}.jinja")
