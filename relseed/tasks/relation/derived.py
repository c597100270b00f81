"""Pairs of mentions that state no relation, made from seeds by rule."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import permutations, product
from typing import Any

from pydantic import BaseModel, ConfigDict, NonNegativeInt

from relseed.pipeline.errors import UserError
from relseed.records.candidates import negative_unit
from relseed.records.files import problem_of
from relseed.tasks.relation import TASK, Example, Mention, Schema, Sentence
from relseed.tasks.task import Derived


def swapped(schema: Schema, seeds: Sequence[Example]) -> Iterator[Derived]:
    """Head and tail exchanged where the relation is not symmetric and some relation has such types."""
    for seed in seeds:
        relation = schema.by_label[seed.relation]
        if relation.negative or relation.symmetric or not schema.relates(seed.tail, seed.head):
            continue
        yield _derived("swapped", Sentence(text=seed.text, head=seed.tail, tail=seed.head), near=seed.relation)


def re_paired(schema: Schema, seeds: Sequence[Example]) -> Iterator[Derived]:
    """Each seed and the one half of all seeds further on as one text: a mention of each is head, one of each tail."""
    for place, one in enumerate(seeds):
        other = seeds[(place + len(seeds) // 2) % len(seeds)]
        if one.text == other.text:
            continue
        text, shift = f"{one.text} {other.text}", len(one.text) + 1
        for first, second in product((one.head, one.tail), (_moved(other.head, shift), _moved(other.tail, shift))):
            for head, tail in ((first, second), (second, first)):
                if schema.relates(head, tail) and head.text_of(text) != tail.text_of(text):
                    yield _derived("re_paired", Sentence(text=text, head=head, tail=tail))


def other_pairs(schema: Schema, seeds: Sequence[Example]) -> Iterator[Derived]:
    """The pairs of a seed's `mentions` that are not among its `related` pairs, where the data holds both.

    Raises:
        UserError: They cannot be read.
    """
    for seed in {seed.text: seed for seed in seeds}.values():
        try:
            yield from _other_pairs(schema, seed)
        except ValueError as error:
            raise UserError(f"example {seed.id}: its mentions and related pairs: {problem_of(error)}") from None


class _Marked(BaseModel):
    """Fields that a dataset may add to a sentence."""

    model_config = ConfigDict(extra="ignore")

    mentions: tuple[Mention, ...] = ()
    related: tuple[tuple[NonNegativeInt, NonNegativeInt], ...] | None = None  # pairs of numbers of mentions, from 0


def _other_pairs(schema: Schema, seed: Example) -> Iterator[Derived]:
    marked = _Marked.model_validate(seed.model_extra)
    if marked.related is None:  # nobody says which pairs are unrelated
        return
    if missing := [number for pair in marked.related for number in pair if number >= len(marked.mentions)]:
        raise ValueError(f"there is no mention {missing[0]}, there are {len(marked.mentions)}, counted from 0")
    related = set(map(frozenset, marked.related))
    for (one, head), (other, tail) in permutations(enumerate(marked.mentions), 2):
        apart = head.end <= tail.start or tail.end <= head.start
        if apart and {one, other} not in related and schema.relates(head, tail):
            yield _derived("other_pairs", Sentence(text=seed.text, head=head, tail=tail))


DERIVED: Mapping[str, Callable[[Schema, Sequence[Example]], Iterator[Derived]]] = {
    "swapped": swapped,
    "re_paired": re_paired,
    "other_pairs": other_pairs,
}


def _moved(mention: Mention, shift: int) -> Mention:
    return mention.model_copy(update={"start": mention.start + shift, "end": mention.end + shift})


def _derived(kind: str, sentence: Sentence, near: str | None = None) -> Derived:
    said = {"head_type": sentence.head.type, "tail_type": sentence.tail.type, "kind": kind, "near": near}
    fields: dict[str, Any] = {name: value for name, value in said.items() if value}
    return Derived(negative_unit(near, TASK.surface(sentence)), TASK.show(sentence), fields)
