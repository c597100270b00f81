"""Entity tuples as records: the lines of `data/tuples.jsonl`."""

import hashlib
from functools import cached_property
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, field_validator

from relseed.quality.duplicates import normalise
from relseed.records.files import DataError, raise_all, read_records
from relseed.tasks.relation import Example, Schema
from relseed.tasks.relation.tags import TAG, tagged


class EntityTuple(BaseModel):
    """Two names and the relation of the first to the second: what a sentence is to be written about."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    head: str
    head_type: str | None = None
    relation: str
    tail: str
    tail_type: str | None = None
    source: str = Field(min_length=1)  # where it comes from: a request, or a line of a file
    head_context: str | None = None  # a paragraph about the head
    tail_context: str | None = None
    drafts: tuple[str, ...] = ()  # sentences about it with tags, that one is to be made of

    @field_validator("head", "tail")
    @classmethod
    def _is_a_name(cls, name: str) -> str:
        """A name that a sentence can hold, without blanks around it."""
        plain = " ".join(name.split())
        if not any(map(str.isalnum, plain)):
            raise ValueError(f"{name!r} is no name: it has neither a letter nor a digit")
        if TAG.search(plain):
            raise ValueError(f"{name!r} holds a tag that marks mentions: remove it")
        return plain

    @property
    def names(self) -> tuple[str, str]:
        """Both names as they are compared: case and punctuation aside."""
        return normalise(self.head), normalise(self.tail)

    @property
    def reversed(self) -> "EntityTuple":
        """The same with head and tail exchanged."""
        return self.model_copy(
            update={
                "head": self.tail,
                "tail": self.head,
                "head_type": self.tail_type,
                "tail_type": self.head_type,
            }
        )

    @cached_property
    def id(self) -> str:
        """Twelve hexadecimal digits of both names and the relation."""
        return hashlib.blake2b("\n".join((self.relation, self.head, self.tail)).encode(), digest_size=6).hexdigest()

    @property
    def label(self) -> str:
        """The relation."""
        return self.relation

    @property
    def surface(self) -> tuple[str | None, str | None]:
        """The types, which are all that tuples of the negative label have in common."""
        return self.head_type, self.tail_type


def read_tuples(path: Path, schema: Schema) -> list[EntityTuple]:
    """Read entity tuples, one a line.

    Raises:
        DataError: The file is missing, or lines hold no tuple of a relation of the schema and of its types.
    """
    found, errors = list[EntityTuple](), list[DataError]()
    for number, each in read_records(path, EntityTuple, cure="build it with `dvc repro tuples`"):
        if problem := _misfit(each, schema):
            errors.append(DataError(path, number, problem))
        found.append(each)
    raise_all(errors)
    return found


def _misfit(each: EntityTuple, schema: Schema) -> str | None:
    if (relation := schema.by_label.get(each.relation)) is None:
        return f"unknown relation {each.relation!r}: the schema has {', '.join(schema.labels)}"
    if relation.head_type in (None, each.head_type) and relation.tail_type in (None, each.tail_type):
        return None
    wanted = f"{relation.head_type or 'any'} -> {relation.tail_type or 'any'}"
    return f"{each.relation} asks for {wanted}, the names are {each.head_type} -> {each.tail_type}: correct the types"


def tuple_of(example: Example) -> EntityTuple:
    """The tuple that a written sentence is about, with the sentence as its draft."""
    return EntityTuple(
        head=example.head.text_of(example.text),
        head_type=example.head.type,
        relation=example.relation,
        tail=example.tail.text_of(example.text),
        tail_type=example.tail.type,
        source=example.id,
        drafts=(tagged(example),),
    )
