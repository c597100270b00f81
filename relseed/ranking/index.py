"""The index of a candidate among others about the same entity tuple: AmalREC's SEI, as far as it is known.

The paper names five components (grammatical correctness, fluency, human-aligned sentiment, accuracy, complexity); how
it makes one number of them cannot be read anywhere we could reach. Here each criterion's scores are turned into ranks
first: one outlier would flatten all others on a common scale, and with ranks a weight means the same of each criterion.
"""

import hashlib
import math
from collections.abc import Mapping, Sequence

from scipy.stats import rankdata

from relseed.ranking.settings import Ranking

Scores = Mapping[str, float]  # by criterion


def mid_ranks(values: Sequence[float]) -> list[float]:
    """The place of each value among all, between 0 (worst) and 1 (best); equal ones share the mean of their places."""
    return [(float(rank) - 0.5) / len(values) for rank in rankdata(values)]


def indices(candidates: Sequence[Scores], settings: Ranking, ids: Sequence[str]) -> list[float]:
    """The index of each candidate, from 0 to 1: a weighted mean of its ranks among all of them.

    The geometric mean does not let one criterion make up for another. Random numbers depend on the id alone.
    """
    if settings.order == "random":
        return [_random(id, settings.seed) for id in ids]
    ranks = {
        name: mid_ranks([each[name] for each in candidates]) for name, weight in settings.weights.items() if weight
    }
    total = sum(settings.weights.values())
    found = []
    for at in range(len(candidates)):
        parts = [(weight / total, ranks[name][at]) for name, weight in settings.weights.items() if weight]
        if settings.order == "geometric":
            found.append(math.exp(sum(weight * math.log(rank) for weight, rank in parts)))
        else:
            found.append(sum(weight * rank for weight, rank in parts))
    return found


def _random(id: str, seed: int) -> float:
    digest = hashlib.blake2b(f"{seed}/{id}".encode(), digest_size=6).digest()
    return int.from_bytes(digest) / 2**48
