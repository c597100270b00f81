"""Splitting written examples: by pair of entities, in each relation in the same shares."""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, PositiveInt, model_validator

from relseed.pipeline.params import Section
from relseed.tasks.relation import Sentence
from relseed.tuples.pairs import digest_of

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")


class Release(Section):
    """An entry of `releases`."""

    reads: Path  # a file of what is ranked
    top: PositiveInt  # about each entity tuple, at most
    validation: float = Field(ge=0, lt=1)  # share of the pairs of entities of each relation
    test: float = Field(ge=0, lt=1)
    seed: int  # of which pairs these are
    licence: str  # of the data, as you declare it

    @model_validator(mode="after")
    def _something_is_left(self) -> "Release":
        if self.validation + self.test >= 1:
            raise ValueError("validation and test take all: their sum is below 1")
        return self


def pair_of(example: Mapping[str, Any]) -> str:
    """A digest of the two names of an example, whichever is the head."""
    sentence = Sentence.model_validate({name: example[name] for name in ("text", "head", "tail")})
    return digest_of(sentence.head.text_of(sentence.text), sentence.tail.text_of(sentence.text))


def split_pairs(pairs: Iterable[tuple[str, str]], settings: Release) -> dict[str, Split]:
    """The split of each pair of entities, from relations and the pairs that stand in them.

    Of the pairs of a relation the first in the order of their digests go to test, the next to validation. A pair that
    stands in several relations is where the first of them has put it.
    """
    by_relation: dict[str, dict[str, None]] = {}
    for relation, pair in pairs:
        by_relation.setdefault(relation, {})[pair] = None
    splits: dict[str, Split] = {}
    for found in by_relation.values():
        new = sorted((pair for pair in found if pair not in splits), key=lambda pair: _order(pair, settings.seed))
        test, validation = (round(share * len(new)) for share in (settings.test, settings.validation))
        for place, pair in enumerate(new):
            splits[pair] = "test" if place < test else "validation" if place < test + validation else "train"
    return splits


def _order(pair: str, seed: int) -> bytes:
    return hashlib.blake2b(f"{seed}/{pair}".encode(), digest_size=8).digest()
