"""Passages whose every pair of mentions is labelled: what text is like, where most pairs are unrelated."""

from collections.abc import Iterator
from itertools import permutations
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, StrictInt, model_validator

from relseed.records.files import DataError, each_good, scan_records
from relseed.tasks.relation import Example, Mention, Schema


class Span(BaseModel):
    """A sentence of a passage: character offsets, end exclusive."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    start: StrictInt
    end: StrictInt


class Statement(BaseModel):
    """A relation that a passage states between two of its mentions, which stand by their numbers, from 0."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    head: StrictInt
    tail: StrictInt
    relation: str


class Passage(BaseModel):
    """A text, its sentences and mentions, and every relation that a sentence states between two of its mentions.

    Fields that a dataset adds are kept as they are.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    id: str = Field(min_length=1)
    text: str
    sentences: tuple[Span, ...]
    mentions: tuple[Mention, ...]
    relations: tuple[Statement, ...]

    @model_validator(mode="after")
    def _consistent(self) -> "Passage":
        place = 0
        for number, span in enumerate(self.sentences):
            if not place <= span.start < span.end <= len(self.text):
                raise ValueError(f"sentence {number} {_fits_not(span, self.text)}, or begins before another ends")
            place = span.end
        for number, mention in enumerate(self.mentions):
            self._check_mention(number, mention)
        known: set[tuple[int, int]] = set()
        for statement in self.relations:
            self._check_statement(statement, known)
            known.add((statement.head, statement.tail))
        return self

    def _check_mention(self, number: int, mention: Mention) -> None:
        if not 0 <= mention.start < mention.end <= len(self.text):
            raise ValueError(f"mention {number} {_fits_not(mention, self.text)}")
        words = mention.text_of(self.text)
        if words != words.strip():
            raise ValueError(
                f"mention {number} begins or ends with a blank ({words!r}): move the offsets onto the words"
            )
        if self._sentence_of(mention) is None:
            raise ValueError(
                f"mention {number} ({words!r}) is not inside one sentence: correct `sentences` or its offsets"
            )

    def _check_statement(self, statement: Statement, known: set[tuple[int, int]]) -> None:
        pair = statement.head, statement.tail
        name = f"{statement.relation} of mentions {pair[0]} and {pair[1]}"
        if not all(0 <= number < len(self.mentions) for number in pair):
            raise ValueError(f"{name}: the passage has {len(self.mentions)} mentions, numbered from 0")
        head, tail = (self.mentions[number] for number in pair)
        if self._sentence_of(head) != self._sentence_of(tail):
            raise ValueError(f"{name}: they are in different sentences, and a relation is stated by one sentence")
        if not self._is_pair(head, tail):
            raise ValueError(f"{name}: they overlap or have the same words, which makes them no pair")
        if pair in known:
            raise ValueError(f"{name}: the pair has a relation already, and can have one")

    def _sentence_of(self, mention: Mention) -> Span | None:
        inside = (span for span in self.sentences if span.start <= mention.start and mention.end <= span.end)
        return next(inside, None)

    def _is_pair(self, head: Mention, tail: Mention) -> bool:
        apart = head.end <= tail.start or tail.end <= head.start
        return apart and head.text_of(self.text) != tail.text_of(self.text)

    def misfit(self, schema: Schema) -> str | None:
        """Why the schema does not allow one of the relations; None where it allows all."""
        for statement in self.relations:
            name = f"{statement.relation} of mentions {statement.head} and {statement.tail}"
            relation = schema.by_label.get(statement.relation)
            head, tail = self.mentions[statement.head], self.mentions[statement.tail]
            if relation is None:
                return f"{name}: unknown label, the schema has {', '.join(schema.labels)}"
            if relation.negative:
                return f"{name}: leave it out, every pair without a relation is {relation.relation}"
            if not relation.fits(head, tail):
                wanted = f"{relation.head_type or 'any'} -> {relation.tail_type or 'any'}"
                return f"{name}: it asks for {wanted}, the mentions are {head.type} -> {tail.type}"
        return None

    def pairs(self, schema: Schema) -> list[Example]:
        """Every ordered pair of a sentence's mentions that some relation allows, as an example of that sentence alone.

        Mentions that overlap or have the same words make no pair. The relation is the one stated (of a symmetric one in
        both directions), or the negative label. An example has the passage's id as `document`.
        """
        labels = {
            (one.tail, one.head): one.relation for one in self.relations if schema.by_label[one.relation].symmetric
        }
        labels |= {(one.head, one.tail): one.relation for one in self.relations}
        return list(self._examples(schema, labels))

    def _examples(self, schema: Schema, labels: dict[tuple[int, int], str]) -> Iterator[Example]:
        for (one, head), (other, tail) in permutations(enumerate(self.mentions), 2):
            sentence = self._sentence_of(head)
            if sentence is None or sentence != self._sentence_of(tail):
                continue
            if not self._is_pair(head, tail) or not schema.relates(head, tail):
                continue
            fields = {
                "id": f"{self.id}/{one}-{other}",
                "text": self.text[sentence.start : sentence.end],
                "head": _moved(head, sentence),
                "tail": _moved(tail, sentence),
                "relation": labels.get((one, other), schema.negative),
                "document": self.id,
            }
            yield Example.model_validate(fields)


def _fits_not(span: Span | Mention, text: str) -> str:
    return f"({span.start}:{span.end}) does not fit the text of {len(text)} characters"


def _moved(mention: Mention, sentence: Span) -> dict[str, object]:
    start, end = mention.start - sentence.start, mention.end - sentence.start
    return mention.model_dump(exclude_unset=True) | {"start": start, "end": end}


def read_passages(path: Path, schema: Schema) -> list[Passage]:
    """Read wire.jsonl: one passage a line.

    Raises:
        DataError: The file is missing, lines hold no passage that the schema allows, ids repeat, or the schema has no
            negative label for the pairs without a relation.
    """
    passages = [passage for _, passage in each_good(_checked(path, schema))]
    if passages and schema.negative is None:
        raise DataError(path, None, "no label is negative, which that of most pairs is: declare one in relations.jsonl")
    return passages


def _checked(path: Path, schema: Schema) -> Iterator[tuple[int, Passage | DataError]]:
    lines: dict[str, int] = {}
    for line, passage in scan_records(path, Passage):
        if isinstance(passage, DataError):
            yield line, passage
        elif problem := passage.misfit(schema):
            yield line, DataError(path, line, problem)
        elif passage.id in lines:
            problem = f"id {passage.id!r} was used before (line {lines[passage.id]}): ids must differ"
            yield line, DataError(path, line, problem)
        else:
            lines[passage.id] = line
            yield line, passage
