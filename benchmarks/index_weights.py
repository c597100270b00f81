"""What other weights of the index's criteria would change: which candidate of a tuple is the best, and the order."""

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls
from scipy.stats import kendalltau

from benchmarks.index_measures import ends, resampled
from relseed.ranking.candidates import Scored
from relseed.ranking.rank import Order, rank
from relseed.ranking.settings import Ranking

BREVITY = "brevity"  # a score that only this study has: the number of words, negative
EQUAL, RANDOM, FITTED = "equal weights", "a random order", "fitted to the annotators"
Orders = Mapping[str, Order]  # by tuple


def variants(settings: Ranking, fit: Mapping[str, float]) -> dict[str, Ranking]:
    """The rankings that are compared: the first is what the others are compared with.

    Weights that were fitted stand among them where one of them is not 0.
    """
    names = tuple(settings.weights)

    def of(weights: Mapping[str, float], **changes: Any) -> Ranking:
        fixed = {"order": "arithmetic", "within": "tuple", "weights": dict(weights), "best_methods": None}
        return settings.model_copy(update=fixed | changes)

    equal = dict.fromkeys(names, 1 / len(names))
    return {
        EQUAL: of(equal),
        **{f"without {name}": of({other: 1.0 for other in names if other != name}) for name in names},
        **{f"{name} alone": of({name: 1.0}) for name in names},
        "geometric mean": of(equal, order="geometric"),
        "ranks within the relation": of(equal, within="relation"),
        **({FITTED: of(fit)} if any(fit.values()) else {}),
        "fewest words": of({BREVITY: 1.0}),
        RANDOM: of(equal, order="random"),
    }


def orders(candidates: Sequence[Scored], settings: Ranking) -> dict[str, Order]:
    """The order of the candidates about each tuple, relation by relation, as the stage `rank` makes it."""
    relations: dict[str, list[Scored]] = {}
    for each in candidates:
        relations.setdefault(each.example["relation"], []).append(each)
    found = [order for own in relations.values() for order in rank(own, settings) if order.ranked]
    return {order.ranked[0][0].tuple: order for order in found}


def fitted(ranks: NDArray[np.float64], stated: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Weights, none below 0, of the columns of ranks that tell best what is stated, by least squares; their sum is 1.

    Both sides are centred, so that weights pay for telling items apart and not for the mean. All are 0 where no column
    is higher of what is stated.
    """
    found, _ = nnls(ranks - ranks.mean(axis=0), stated - stated.mean())
    return found / total if (total := found.sum()) > 0 else found


def fit(
    ranks: Mapping[str, Mapping[str, float]], stated: Mapping[str, bool], about: Mapping[str, str]
) -> dict[str, dict[str, Any]]:
    """The fitted weight of each criterion, its interval over resampled tuples, and how often it is 0 there."""
    ids = list(stated)
    names = list(ranks[ids[0]])
    matrix = np.array([[ranks[id][name] for name in names] for id in ids])
    truth = np.array([stated[id] for id in ids])
    draws = [fitted(matrix[at], truth[at]) for at in resampled([about[id] for id in ids])]
    weights, (low, high) = fitted(matrix, truth), ends(draws)
    zero = np.mean(np.stack(draws) == 0, axis=0)
    return {
        name: {"weight": weights[at], "low": low[at], "high": high[at], "zero": zero[at]}
        for at, name in enumerate(names)
    }


def compared(
    equal: Orders, other: Orders, stated: Mapping[str, bool], drawn: Mapping[str, bool], weak: str
) -> dict[str, Any]:
    """How an order differs from equal weights, and what annotators said of the best candidates that they were asked of.

    Args:
        equal: The orders by equal weights.
        other: The orders by other ones.
        stated: What all annotators said of each candidate that they were asked of.
        drawn: The same of candidates that were drawn at random, whatever their rank.
        weak: The method whose best candidates are counted.
    """
    best = [order.ranked[0][0] for order in other.values()]
    changed = [each.id != equal[each.tuple].ranked[0][0].id for each in best]
    taus = [tau for about in equal if (tau := _tau(equal[about], other[about])) is not None]
    return {
        "changed": fmean(changed),
        "tau": fmean(taus),
        "weak": sum(each.method == weak for each in best),
        "answered": _counted(best, stated),
        "drawn": _counted(best, drawn),
    }


def _counted(best: Sequence[Scored], said: Mapping[str, bool]) -> dict[str, int]:
    answers = [said[each.id] for each in best if each.id in said]
    return {"sentences": len(answers), "stated": sum(answers)}


def _tau(one: Order, other: Order) -> float | None:
    """Kendall's tau of two orders of those candidates that count in both; None where there are fewer than two."""
    first, second = ({each.id: at for at, (each, _) in enumerate(order.ranked)} for order in (one, other))
    both = [id for id in first if id in second]
    if len(both) < 2:
        return None
    return float(kendalltau([first[id] for id in both], [second[id] for id in both]).statistic)
