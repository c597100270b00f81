"""Pairs of mentions that state no relation, made from seeds by rule."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import permutations
from typing import Any

from relseed.tasks.relation import TASK, Example, Mention, Schema, Sentence
from relseed.tasks.task import Derived

Types = tuple[str | None, str | None]


def swapped(schema: Schema, seeds: Sequence[Example]) -> Iterator[Derived]:
    """Head and tail exchanged where the relation is not symmetric and some relation has such types."""
    for seed in seeds:
        relation = schema.by_label[seed.relation]
        if relation.negative or relation.symmetric or not schema.relates(seed.tail, seed.head):
            continue
        yield _derived(f"near/{seed.relation}", _sentence(seed.text, seed.tail, seed.head), "swapped", seed.relation)


def re_paired(schema: Schema, seeds: Sequence[Example]) -> Iterator[Derived]:
    """Each seed and the one half of all seeds further on as one text: a mention of each is head, one of each tail."""
    for place, one in enumerate(seeds):
        other = seeds[(place + len(seeds) // 2) % len(seeds)]
        text, shift = f"{one.text} {other.text}", len(one.text) + 1
        if one.text == other.text:
            continue
        for first in (one.head, one.tail):
            for second in (_moved(mention, shift) for mention in (other.head, other.tail)):
                for head, tail in ((first, second), (second, first)):
                    if schema.relates(head, tail) and head.text_of(text) != tail.text_of(text):
                        unit = f"co_occurrence/{head.type or 'any'}-{tail.type or 'any'}"
                        yield _derived(unit, _sentence(text, head, tail), "re_paired", None)


def other_pairs(schema: Schema, seeds: Sequence[Example]) -> Iterator[Derived]:
    """The pairs of a seed's `mentions` that are not among its `related` pairs, where the data holds both."""
    for text, fields in {seed.text: seed.model_extra or {} for seed in seeds}.items():
        if "mentions" not in fields or "related" not in fields:
            continue
        mentions = [Mention.model_validate(mention) for mention in fields["mentions"]]
        related = {frozenset(pair) for pair in fields["related"]}
        for one, other in permutations(range(len(mentions)), 2):
            head, tail = mentions[one], mentions[other]
            if frozenset((one, other)) in related or (head.start < tail.end and tail.start < head.end):
                continue
            if schema.relates(head, tail):
                unit = f"co_occurrence/{head.type or 'any'}-{tail.type or 'any'}"
                yield _derived(unit, _sentence(text, head, tail), "other_pairs", None)


DERIVED: Mapping[str, Callable[[Schema, Sequence[Example]], Iterator[Derived]]] = {
    "swapped": swapped,
    "re_paired": re_paired,
    "other_pairs": other_pairs,
}


def _moved(mention: Mention, shift: int) -> Mention:
    return mention.model_copy(update={"start": mention.start + shift, "end": mention.end + shift})


def _sentence(text: str, head: Mention, tail: Mention) -> Sentence:
    return Sentence(text=text, head=head, tail=tail)


def _derived(unit: str, sentence: Sentence, kind: str, near: str | None) -> Derived:
    fields: dict[str, Any] = {
        "head_type": sentence.head.type,
        "tail_type": sentence.tail.type,
        "kind": kind,
        "near": near,
    }
    return Derived(unit, TASK.show(sentence), {name: value for name, value in fields.items() if value})
