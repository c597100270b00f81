"""Ranking the candidates of a relation: which methods stay, what passes the gate, and in which order the rest comes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from relseed.ranking.candidates import Scored, by_tuple
from relseed.ranking.index import indices
from relseed.ranking.settings import Ranking
from relseed.records.scores import BLEND, RankedExample

_ACCURACY = "accuracy"  # decides between candidates of the same index


@dataclass(frozen=True, slots=True)
class Order:
    """The candidates about one tuple: the best first, and those that do not count."""

    ranked: Sequence[tuple[Scored, float]]  # with their indices
    out: Sequence[Scored]

    @property
    def records(self) -> list[RankedExample]:
        """The same as records."""
        first = [_record(each, at, index) for at, (each, index) in enumerate(self.ranked, start=1)]
        return first + [_record(each, None, None) for each in self.out]


def _record(each: Scored, rank: int | None, index: float | None) -> RankedExample:
    number = None if index is None else round(index, 6)
    return RankedExample(tuple=each.tuple, rank=rank, index=number, scores=each.scores, example=each.example)


def rank(candidates: Sequence[Scored], settings: Ranking) -> list[Order]:
    """The order of the candidates about each tuple of one relation.

    Ties are broken by accuracy, then by id. A blend counts only where it passes the gate and its index is above that of
    every candidate that it was made of; else the others are ranked as if there were none.
    """
    inside = [each for each in candidates if _passes(each, settings)]
    originals = [each for each in inside if each.method != BLEND]
    if settings.best_methods is not None:
        kept = _best_methods(originals, settings)
        originals = [each for each in originals if each.method in kept]
    blends = {each.tuple: each for each in inside if each.method == BLEND}
    alone, blended = _indices(originals, settings), _indices([*originals, *blends.values()], settings)
    groups = by_tuple(originals)
    orders = []
    for about, group in by_tuple(candidates).items():
        ranked = _sorted(groups.get(about, []), alone)
        if ranked and about in blends:
            with_blend = _sorted([*groups[about], blends[about]], blended)
            ranked = with_blend if _blend_is_best(with_blend) else ranked
        taken = {each.id for each, _ in ranked}
        orders.append(Order(ranked, [each for each in group if each.id not in taken]))
    return orders


def _indices(inside: Sequence[Scored], settings: Ranking) -> dict[str, float]:
    """The index of each candidate by id, among those of its tuple or of all."""
    groups = [list(inside)] if settings.within == "relation" else list(by_tuple(inside).values())
    found: dict[str, float] = {}
    for group in groups:
        if group:
            ids = [each.id for each in group]
            found |= dict(zip(ids, indices([each.scores for each in group], settings, ids), strict=True))
    return found


def _sorted(candidates: Sequence[Scored], numbers: Mapping[str, float]) -> list[tuple[Scored, float]]:
    pairs = [(each, numbers[each.id]) for each in candidates]
    return sorted(pairs, key=lambda pair: (-pair[1], -pair[0].scores.get(_ACCURACY, 0.0), pair[0].id))


def _blend_is_best(ranked: Sequence[tuple[Scored, float]]) -> bool:
    (best, index), (_, second) = ranked[0], ranked[1]
    return best.method == BLEND and index > second


def _passes(each: Scored, settings: Ranking) -> bool:
    return all(each.scores[criterion] >= least for criterion, least in settings.gate.items())


def _best_methods(candidates: Sequence[Scored], settings: Ranking) -> list[str]:
    """The methods of highest mean index; of those alike, the first by name."""
    numbers = _indices(candidates, settings)
    of_method: dict[str, list[float]] = {}
    for each in candidates:
        of_method.setdefault(each.method, []).append(numbers[each.id])
    means = {method: sum(found) / len(found) for method, found in of_method.items()}
    return sorted(means, key=lambda method: (-means[method], method))[: settings.best_methods]
