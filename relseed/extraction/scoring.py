"""How good extraction from raw texts is from end to end, by counting triples, whatever made them wrong."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from relseed.extraction.documents import DocumentId, Triple
from relseed.tasks.relation import Mention
from relseed.tasks.relation.passages import Passage


@dataclass(frozen=True, slots=True)
class Counts:
    """Triples that are right, proposed (right or not) and gold; scores from 0 to 1."""

    right: int
    proposed: int
    gold: int

    @property
    def precision(self) -> float:
        """The share of proposed triples that are right; 0 if none is proposed."""
        return self.right / self.proposed if self.proposed else 0.0

    @property
    def recall(self) -> float:
        """The share of gold triples that are found; 0 if there is none."""
        return self.right / self.gold if self.gold else 0.0

    @property
    def f1(self) -> float:
        """The harmonic mean of both."""
        return 2 * self.right / (self.proposed + self.gold) if self.right else 0.0


@dataclass(frozen=True, slots=True)
class EndToEnd:
    """Counts where a mention counts as found if it overlaps with the gold one, and where it must have its offsets.

    In both, the entity types must be the same.
    """

    lenient: Counts
    strict: Counts


@dataclass(frozen=True, slots=True)
class _Fact:
    relation: str
    head: Mention
    tail: Mention


def end_to_end(passages: Sequence[Passage], found: Iterable[Triple], *, symmetric: Collection[str] = ()) -> EndToEnd:
    """Count the triples that were found in passages against those that these state.

    A gold triple is found by one triple at most, and a triple finds one. A relation in `symmetric` is the same in both
    directions.

    Raises:
        ValueError: A triple is of another document.
    """
    proposed: dict[DocumentId, list[_Fact]] = defaultdict(list)
    for triple in found:
        head, tail = (Mention(start=each.start, end=each.end, type=each.type) for each in (triple.head, triple.tail))
        proposed[triple.document].append(_fact(triple.relation, head, tail, symmetric))
    if unknown := proposed.keys() - {passage.id for passage in passages}:
        raise ValueError(f"triples of documents that are no passages: {sorted(map(str, unknown))}")
    gold = {passage.id: _gold(passage, symmetric) for passage in passages}
    sizes = sum(map(len, proposed.values())), sum(map(len, gold.values()))
    lenient, strict = (
        sum(_right(facts, proposed.get(id, ()), found_by) for id, facts in gold.items())
        for found_by in (_overlap, Mention.__eq__)
    )
    return EndToEnd(Counts(lenient, *sizes), Counts(strict, *sizes))


def _gold(passage: Passage, symmetric: Collection[str]) -> list[_Fact]:
    mentions = passage.mentions
    facts = [_fact(each.relation, mentions[each.head], mentions[each.tail], symmetric) for each in passage.relations]
    return list(dict.fromkeys(facts))


def _fact(relation: str, head: Mention, tail: Mention, symmetric: Collection[str]) -> _Fact:
    """What is said, in one direction where both say the same."""
    if relation in symmetric and tail.start < head.start:
        head, tail = tail, head
    return _Fact(relation, head, tail)


def _right(gold: Sequence[_Fact], proposed: Sequence[_Fact], same: Callable[[Mention, Mention], bool]) -> int:
    """The most pairs of a gold and a proposed fact that agree, each fact in one pair at most."""
    agree = np.array(
        [
            [
                one.relation == other.relation and same(one.head, other.head) and same(one.tail, other.tail)
                for other in proposed
            ]
            for one in gold
        ],
        dtype=bool,
    ).reshape(len(gold), len(proposed))
    return int(agree[linear_sum_assignment(agree, maximize=True)].sum())


def _overlap(one: Mention, other: Mention) -> bool:
    return one.type == other.type and one.start < other.end and other.start < one.end
