"""Sentences, examples, relations and schemas: the words of DESIGN.md as types."""

import hashlib
import json
import re
from collections.abc import Sequence
from functools import cached_property
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, model_validator


class Mention(BaseModel):
    """A span of a text: character offsets, end exclusive, and an entity type where there is one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    start: StrictInt
    end: StrictInt
    type: str | None = None

    def within(self, text: str) -> str:
        """The words that the mention marks in `text`."""
        return text[self.start : self.end]


class Sentence(BaseModel):
    """A text with a marked head and a marked tail mention.

    Fields that a dataset adds (a register, a document) are kept as they are.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    id: str | None = None
    text: str
    head: Mention
    tail: Mention

    @model_validator(mode="after")
    def _spans_fit(self) -> "Sentence":
        for role, mention in (("head", self.head), ("tail", self.tail)):
            _check_span(role, mention, self.text)
        first, second = sorted((self.head, self.tail), key=lambda mention: mention.start)
        if first.end > second.start:
            raise ValueError(
                f"head {self.head.start}:{self.head.end} and tail {self.tail.start}:{self.tail.end} overlap: "
                "the two mentions must not share a character"
            )
        return self


def _check_span(role: str, mention: Mention, text: str) -> None:
    span = f"{role} {mention.start}:{mention.end}"
    if not 0 <= mention.start < mention.end <= len(text):
        raise ValueError(
            f"{span} does not fit the text of {len(text)} characters: offsets count characters from 0, end exclusive"
        )
    words = mention.within(text)
    if words != words.strip():
        raise ValueError(f"{span} begins or ends with a blank ({words!r}): move the offsets onto the words")


class Example(Sentence):
    """One sentence with a marked head and tail mention and a relation."""

    id: str
    relation: str


class Relation(BaseModel):
    """A relation of a schema; a type of None allows any entity type."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    relation: str = Field(min_length=1)
    head_type: str | None = None
    tail_type: str | None = None
    definition: str
    negative: StrictBool = False

    @cached_property
    def name(self) -> str:
        """The label in plain words: raw labels such as `per:parents` mislead LLMs.

        `per:parents` is "person parents", `Cause-Effect(e1,e2)` "cause-effect (head, tail)".
        """
        words = re.sub(r"^per:", "person ", self.relation)
        words = re.sub(r"^org:", "organization ", words).replace("_", " ")
        return words.replace("(e1,e2)", " (head, tail)").replace("(e2,e1)", " (tail, head)").lower()

    def allows(self, sentence: Sentence) -> bool:
        """Whether the sentence's entity types are those of the relation."""
        return self.head_type in (None, sentence.head.type) and self.tail_type in (None, sentence.tail.type)


class Schema(BaseModel):
    """The relations of a dataset, in a fixed order: a label's position is its class number."""

    model_config = ConfigDict(frozen=True)

    relations: tuple[Relation, ...]

    @model_validator(mode="after")
    def _consistent(self) -> "Schema":
        repeated = {label for label in self.labels if self.labels.count(label) > 1}
        if repeated:
            raise ValueError(f"relations defined twice: {', '.join(sorted(repeated))}")
        if len(self.labels) < 2:
            raise ValueError("a schema needs at least two relations")
        if sum(relation.negative for relation in self.relations) > 1:
            raise ValueError("only one relation can be the negative label")
        return self

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """All labels, the negative one included, in the schema's order."""
        return tuple(relation.relation for relation in self.relations)

    @cached_property
    def negative(self) -> str | None:
        """The negative label, or None where the schema has none."""
        return next((relation.relation for relation in self.relations if relation.negative), None)

    @cached_property
    def negative_class(self) -> int | None:
        """The class number of the negative label, or None where the schema has none."""
        return None if self.negative is None else self.labels.index(self.negative)

    @cached_property
    def by_label(self) -> dict[str, Relation]:
        """Each relation under its label."""
        return {relation.relation: relation for relation in self.relations}


Split = Literal["train", "validation", "test"]
SPLITS: Sequence[Split] = ("train", "validation", "test")


def identity(*parts: Sequence[Example]) -> str:
    """Twelve hexadecimal digits that identify lists of examples: of the SHA-256 of all records, in order."""
    records = [[example.model_dump(mode="json") for example in part] for part in parts]
    return hashlib.sha256(json.dumps(records, sort_keys=True).encode()).hexdigest()[:12]
