"""Counting what becomes of a ranking while the relations are ranked one by one."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.stats import spearmanr

from relseed.ranking.candidates import Scored
from relseed.ranking.rank import Order
from relseed.ranking.summary import BlendRanks, MethodRanks, RankingSummary
from relseed.records.scores import BLEND


@dataclass
class Counting:
    """A summary while the relations are ranked one by one."""

    criteria: Sequence[str]
    orders: int = 0
    unranked: int = 0
    indices: dict[str, list[float]] = field(default_factory=dict)
    scores: dict[str, list[list[float]]] = field(default_factory=dict)
    first: Counter[str] = field(default_factory=Counter)
    gains: list[list[float]] = field(default_factory=list)
    losses: list[list[float]] = field(default_factory=list)

    def add(self, orders: Iterable[Order]) -> None:
        """Count the tuples of a relation."""
        for order in orders:
            self.orders += 1
            self.unranked += not order.ranked
            for each, index in order.ranked:
                self.indices.setdefault(each.method, []).append(index)
                self.scores.setdefault(each.method, []).append(self._scores(each))
            if order.ranked:
                self.first[order.ranked[0][0].method] += 1
                self._add_blend(order)

    def _add_blend(self, order: Order) -> None:
        first, *others = [each for each, _ in order.ranked]
        if first.method == BLEND:
            self.gains.append(self._difference(first, others[0]))
        for each in order.out:
            if each.method == BLEND:
                self.losses.append(self._difference(each, first))

    def _scores(self, each: Scored) -> list[float]:
        return [each.scores[name] for name in self.criteria]

    def _difference(self, one: Scored, other: Scored) -> list[float]:
        return [one.scores[name] - other.scores[name] for name in self.criteria]

    def summary(self, ranking: str, methods: Sequence[str], asked: int | None) -> RankingSummary:
        """The summary; `asked` are the tuples of which a blend was asked for, None where none was."""
        names = [*methods, *([BLEND] if asked is not None else [])]
        blends = None if asked is None else self._blends(asked)
        return RankingSummary(
            ranking=ranking,
            tuples=self.orders,
            unranked=self.unranked,
            methods={name: self._method(name) for name in names},
            correlations=self._correlations(),
            blends=blends,
        )

    def _method(self, name: str) -> MethodRanks:
        found = self.indices.get(name, [])
        mean = round(float(np.mean(found)), 4) if found else None
        return MethodRanks(
            candidates=len(found), first=self.first[name], index=mean, scores=self._means(self.scores.get(name, []))
        )

    def _blends(self, asked: int) -> BlendRanks:
        taken = len(self.gains)
        return BlendRanks(
            asked=asked,
            passed=taken + len(self.losses),
            taken=taken,
            gain=self._means(self.gains),
            loss=self._means(self.losses),
        )

    def _means(self, rows: Sequence[Sequence[float]]) -> dict[str, float]:
        if not rows:
            return {}
        return {name: round(float(np.mean([row[at] for row in rows])), 4) for at, name in enumerate(self.criteria)}

    def _correlations(self) -> dict[str, float]:
        rows = [row for found in self.scores.values() for row in found]
        found: dict[str, float] = {}
        for at, one in enumerate(self.criteria):
            for other_at, other in enumerate(self.criteria[at + 1 :], start=at + 1):
                columns = [row[at] for row in rows], [row[other_at] for row in rows]
                if min(len(set(column)) for column in columns) > 1:
                    found[f"{one}, {other}"] = round(float(spearmanr(*columns).statistic), 3)
        return found
