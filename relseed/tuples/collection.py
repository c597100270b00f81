"""What becomes of the tuples of a source: each once, none of the test set, not too many, and negatives made of them."""

import hashlib
import heapq
import random
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from relseed.tasks.relation.entity_tuple import EntityTuple
from relseed.tuples.pairs import digest_of
from relseed.tuples.source import Asked, Unwanted

_TRIES = 20  # pairs looked at for each negative that is wanted


def gather(found: Iterable[EntityTuple], asked: Asked, in_test: Collection[str]) -> list[EntityTuple]:
    """The tuples that are kept, relation by relation, then those of the negative label.

    `in_test` are the digests of the pairs of names in the test set. A tuple of such a pair is left out, whatever its
    relation is there; so is one that comes again, for a symmetric relation also with its names exchanged. Where a
    relation has more than `per_label`, a random part is kept, which does not depend on their order. A symmetric
    relation holds in both directions: half as many are kept, each with its reverse.
    """
    kept = {each.relation: _Kept(asked.settings.most_of(each)) for each in asked.schema.relations}
    symmetric = {each.relation for each in asked.schema.relations if each.symmetric}
    related: set[str] = set()
    known: set[bytes] = set()
    for each in found:
        names = each.names
        pair = digest_of(*names)
        key = _digest(each.relation, *([pair] if each.relation in symmetric else names))
        if problem := _problem(names, in_test=pair in in_test, repeated=key in known):
            asked.leave_out(each.source, Unwanted(problem, f"{each.head} | {each.relation} | {each.tail}"))
            continue
        known.add(key)
        related.add(pair)
        kept[each.relation].add(each, _digest(str(asked.settings.seed), key.hex()))
    tuples = [tuple for label, some in kept.items() for tuple in _both_ways(some.in_order(), label in symmetric)]
    return [*tuples, *_negatives(tuples, asked, related.union(in_test))]


def _problem(names: tuple[str, str], *, in_test: bool, repeated: bool) -> str | None:
    if names[0] == names[1]:
        return "same_name"
    if in_test:
        return "in_test"
    return "repeated" if repeated else None


def _digest(*parts: str) -> bytes:
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=8).digest()


@dataclass
class _Kept:
    """Those tuples of a relation whose digests are least: a random part of all, of `most` at most."""

    most: int | None
    _heap: list[tuple[int, int, EntityTuple]] = field(default_factory=list)  # negative digest, place, tuple
    seen: int = 0

    def add(self, tuple: EntityTuple, digest: bytes) -> None:
        entry = (-int.from_bytes(digest), self.seen, tuple)
        self.seen += 1
        if self.most is None or len(self._heap) < self.most:
            heapq.heappush(self._heap, entry)
        else:
            heapq.heappushpop(self._heap, entry)

    def in_order(self) -> list[EntityTuple]:
        return [tuple for _, _, tuple in sorted(self._heap, key=lambda entry: entry[1])]


def _both_ways(tuples: Sequence[EntityTuple], symmetric: bool) -> Iterator[EntityTuple]:
    for each in tuples:
        yield each
        if symmetric:
            yield each.reversed


def _negatives(tuples: Sequence[EntityTuple], asked: Asked, related: Collection[str]) -> Iterator[EntityTuple]:
    """The head of one tuple with the tail of another of the same types, between which nothing is known to hold."""
    negative, wanted = asked.schema.negative, asked.settings.negatives
    if negative is None or not wanted:
        return
    by_types: dict[tuple[str | None, str | None], list[EntityTuple]] = {}
    for each in tuples:
        by_types.setdefault((each.head_type, each.tail_type), []).append(each)
    made: set[str] = set()
    for types, alike in by_types.items():
        rng, enough = random.Random(f"{asked.settings.seed}/{types}"), len(made) + wanted
        for _ in range(_TRIES * wanted):
            if len(made) == enough:
                break
            head, tail = rng.choice(alike), rng.choice(alike)
            pair = digest_of(head.head, tail.tail)
            if head.names[0] != tail.names[1] and pair not in related and pair not in made:
                made.add(pair)
                source = f"re-paired: {head.source}, {tail.source}"
                yield head.model_copy(
                    update={"relation": negative, "tail": tail.tail, "tail_type": tail.tail_type, "source": source}
                )


def described(tuples: Sequence[EntityTuple], asked: Asked) -> list[str]:
    """How many tuples each label has, and how many were left out, by reason."""
    counts = Counter(each.relation for each in tuples)
    rows = [f"{label:<24} {counts[label]:>8,}" for label in asked.schema.labels]
    reasons = Counter(each.reason for each in asked.left_out)
    return [*rows, *(f"left out: {reason:<14} {count:>8,}" for reason, count in reasons.most_common())]
