"""What candidates about an entity tuple are measured by beside the criteria of the index, and what goes with what."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from sacrebleu import sentence_bleu
from scipy.stats import rankdata

from relseed.ranking.index import mid_ranks

RESAMPLES = 2000
Values = Mapping[str, Mapping[str, float]]  # by id of a candidate, then by what was measured


def bleu(text: str, others: Sequence[str]) -> float:
    """BLEU-4 of a text against others, 0 to 1: sacrebleu's for a sentence, as in `relseed.quality.self_bleu`."""
    return float(sentence_bleu(text.rstrip(), [other.rstrip() for other in others]).score) / 100


def rouge_l(text: str, others: Iterable[str]) -> float:
    """ROUGE-L (F1, Lin 2004) of a text against the nearest of others, 0 to 1; words in any letter case."""
    own = _words(text)
    return max(_longest_f1(own, _words(other)) for other in others)


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


def _longest_f1(one: Sequence[str], other: Sequence[str]) -> float:
    """2 c / (length + length), where c is the length of the longest common subsequence."""
    lengths = [0] * (len(other) + 1)  # of the longest of what came of `one` and the first 0, 1, ... words of `other`
    for word in one:
        before = lengths
        lengths = [0]
        for at, found in enumerate(other):
            lengths.append(before[at] + 1 if word == found else max(before[at + 1], lengths[at]))
    return 2 * lengths[-1] / max(1, len(one) + len(other))


def length(text: str) -> int:
    """How many words a text has, separated by blanks."""
    return len(text.split())


def ranks_within(groups: Iterable[Sequence[str]], values: Values) -> dict[str, dict[str, float]]:
    """The mid-ranks of each candidate among those of its group by each value that was measured."""
    found: dict[str, dict[str, float]] = {}
    for ids in groups:
        columns = {name: mid_ranks([values[id][name] for id in ids]) for name in values[ids[0]]}
        found |= {id: {name: column[at] for name, column in columns.items()} for at, id in enumerate(ids)}
    return found


def associations(values: NDArray[np.float64], stated: NDArray[np.bool_]) -> tuple[NDArray, NDArray]:
    """Spearman's correlation of each row with what is stated or not, and the area under the ROC curve.

    The area is the probability that a row puts a stated item above one that is not; equal values count one half.
    A row that is the same everywhere has the correlation 0.
    """
    ranks = rankdata(values, axis=1)
    apart, truth = ranks - ranks.mean(axis=1, keepdims=True), stated - stated.mean()
    spread = np.sqrt((apart**2).sum(axis=1) * (truth**2).sum())
    rho = np.divide(apart @ truth, spread, out=np.zeros(len(values)), where=spread > 0)
    positive, negative = stated.sum(), (~stated).sum()
    return rho, (ranks[:, stated].mean(axis=1) - (positive + 1) / 2) / negative


def greatest_correlation(stated: NDArray[np.bool_]) -> float:
    """What `associations` finds of values that part stated from not stated without an error, no two of them equal."""
    perfect = len(stated) * stated + np.arange(len(stated))
    return float(associations(perfect[None].astype(float), stated)[0][0])


def resampled(groups: Sequence[str], seed: int = 1) -> Iterator[NDArray[np.int64]]:
    """Draw groups with replacement: the places of all items of those that were drawn, for each resample."""
    _, group_of = np.unique(np.array(groups), return_inverse=True)
    members = [np.flatnonzero(group_of == at) for at in range(group_of.max() + 1)]
    rng = np.random.default_rng(seed)
    for _ in range(RESAMPLES):
        yield np.concatenate([members[at] for at in rng.integers(len(members), size=len(members))])


def ends(draws: Sequence[NDArray]) -> tuple[NDArray, NDArray]:
    """The ends of the 95 % interval of each figure over resamples."""
    low, high = np.quantile(np.stack(draws), [0.025, 0.975], axis=0)
    return low, high
