"""Written samples: what is asked for, in what form it must come, and how an answer is read."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from relseed.llm.request import Message
from relseed.tasks.relation import Example, Relation, Schema
from relseed.tasks.relation.templates import demonstration, prompt
from relseed.tasks.relation.written import Draft
from relseed.tasks.structured import json_object, json_schema, say

Manner = Literal["all_at_once", "one_by_one"]
# What a sample does with the relation. A negative one shows the two mentions together for no reason, or comes close.
Kind = Literal["stated", "co_occurrence", "hard"]

# Straight quotes, backslashes and control characters would have to be escaped inside the JSON string, which grammars
# made from a pattern do not all do.
_ANY = r'[^<>"\\\x00-\x1f]'
_WORD = r'[^<>"\\\x00-\x20]'
_MENTION = rf"{_WORD}({_ANY}*{_WORD})?"
_E1, _E2 = (rf"<{tag}>{_MENTION}</{tag}>" for tag in ("e1", "e2"))
SENTENCE = rf"^{_ANY}*({_E1}{_ANY}*{_E2}|{_E2}{_ANY}*{_E1}){_ANY}*$"


class _Sample(BaseModel):
    model_config = ConfigDict(extra="ignore")

    sentence: str
    head_type: str | None = None
    tail_type: str | None = None


class _Answer(BaseModel):
    model_config = ConfigDict(extra="ignore")

    relation: str | None = None
    samples: list[Any]


@dataclass(frozen=True, slots=True)
class Samples:
    """A request for `count` samples of a relation."""

    method: str  # in the ids of drafts
    manner: Manner
    schema: Schema
    relation: Relation
    kind: Kind
    count: int
    shortest: int  # words
    longest: int
    types: tuple[str, ...]  # of mentions, where the relation names none
    diversity: bool  # ask for samples as different as possible (Li, Dai and Li 2025)

    def messages(self, demonstrations: Sequence[str]) -> tuple[Message, ...]:
        """The conversation that shows `demonstrations`, sentences with tags, in the order given."""
        asked = prompt(
            self.manner,
            relation=self.relation,
            kind=self.kind,
            others=[other for other in self.schema.relations if not other.negative],
            demonstrations=demonstrations,
            head_types=self._types("head_type"),
            tail_types=self._types("tail_type"),
            count=self.count,
            shortest=self.shortest,
            longest=self.longest,
            diversity=self.diversity,
        )
        manner = prompt("manner", negative=self.relation.negative, kind=self.kind)
        system = (Message(role="system", content=manner),) if self.diversity else ()
        return (*system, Message(role="user", content=asked))

    def answer(self) -> dict[str, Any]:
        """The JSON schema that an answer must fit: tags and types are right by construction."""
        types = {role: {"enum": values} for role in ("head_type", "tail_type") if (values := self._types(role))}
        return json_schema(
            relation={"enum": [self.relation.name]},
            samples={
                "type": "array",
                "items": json_schema(sentence={"type": "string", "pattern": SENTENCE}, **types),
                "minItems": self.count,
                "maxItems": self.count,
            },
        )

    def completion(self, sentence: Example) -> str:
        """The answer that an LLM would give if it wrote this one sentence."""
        written: dict[str, Any] = {"sentence": demonstration(sentence)}
        for role, mention in (("head_type", sentence.head), ("tail_type", sentence.tail)):
            if self._types(role):
                written[role] = mention.type
        return json.dumps({"relation": self.relation.name, "samples": [written]}, ensure_ascii=False)

    def parse(self, id: str, text: str, *, truncated: bool) -> list[Draft]:
        """Read an answer, whatever it is; what cannot be read becomes a draft that says why.

        `id` is the request's, a draft's adds its number in the answer.
        """
        if truncated:
            return [self._draft(id, 0, text=text, truncated=True, problem="the answer was cut off")]
        try:
            answer = _Answer.model_validate(json_object(text))
        except (ValueError, RecursionError) as error:
            return [self._draft(id, 0, text=text, problem=say(error))]
        if not answer.samples:
            return [self._draft(id, 0, text=text, problem="the answer holds no sample")]
        return [self._read(id, number, answer.relation, sample) for number, sample in enumerate(answer.samples)]

    def _read(self, id: str, number: int, said: str | None, raw: Any) -> Draft:
        try:
            sample = _Sample.model_validate(raw)
        except ValidationError as error:
            return self._draft(id, number, text=json.dumps(raw, ensure_ascii=False), problem=say(error))
        return self._draft(
            id, number, text=sample.sentence, said=said, head_type=sample.head_type, tail_type=sample.tail_type
        )

    def _draft(self, id: str, number: int, **fields: Any) -> Draft:
        return Draft(id=f"{id}/{number}", method=self.method, relation=self.relation.relation, **fields)

    def _types(self, role: Literal["head_type", "tail_type"] | str) -> list[str]:
        """The types that a mention may have; none where nobody knows any."""
        own = getattr(self.relation, role)
        return [own] if own else list(self.types)
