"""How unlike each other the sentences of a pool are, relation by relation."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean

import numpy as np
from pydantic import BaseModel, ConfigDict
from sacrebleu import sentence_bleu
from vendi_score import vendi


class Diversity(BaseModel):
    """Figures of one relation's sentences, or means over relations."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    distinct_1: float  # different words among all words, 0 to 1 (Li et al. 2016)
    distinct_2: float  # the same of pairs of adjacent words
    self_bleu: float  # mean BLEU of each sentence against the others, 0 to 1: low is diverse (Zhu et al. 2018)
    distance: float  # mean pairwise cosine distance of sentence embeddings, 0 to 2
    distance_masked: float  # the same with the two mentions masked: new names alone don't count
    vendi: float  # effective number of different sentences, 1 to all (Friedman and Dieng 2023)


@dataclass(frozen=True, slots=True)
class Embedded:
    """A sentence and its unit vectors, as it is and with its mentions masked."""

    text: str
    vector: np.ndarray
    masked: np.ndarray


def embedded(texts: Sequence[str], masked: Sequence[str], desc: str) -> list[Embedded]:
    """Embed texts, as they are and with their mentions masked, with a progress bar."""
    from relseed.quality.embeddings import embed  # late: it loads torch, which those who only read figures don't need

    vectors = embed([*texts, *masked], desc)
    return list(map(Embedded, texts, vectors[: len(texts)], vectors[len(texts) :]))


def diversity(pools: Mapping[str, Sequence[Embedded]]) -> dict[str, Diversity]:
    """The diversity of each relation's sentences; a relation with fewer than two has none."""
    return {relation: _figures(pool) for relation, pool in pools.items() if len(pool) > 1}


def mean(figures: Mapping[str, Diversity]) -> Diversity | None:
    """The means over relations, None where there are no relations."""
    if not figures:
        return None
    return Diversity(**{name: fmean(getattr(one, name) for one in figures.values()) for name in Diversity.model_fields})


def _figures(pool: Sequence[Embedded]) -> Diversity:
    texts = [one.text for one in pool]
    words = [re.findall(r"\w+", text.casefold()) for text in texts]
    vectors = np.stack([one.vector for one in pool])
    return Diversity(
        distinct_1=_distinct([[(word,) for word in one] for one in words]),
        distinct_2=_distinct([list(pairwise(one)) for one in words]),
        self_bleu=_self_bleu(texts),
        distance=_distance(vectors),
        distance_masked=_distance(np.stack([one.masked for one in pool])),
        vendi=float(vendi.score_dual(vectors.astype(float))),
    )


def _distinct(grams: Sequence[Sequence[tuple[str, ...]]]) -> float:
    every = [gram for one in grams for gram in one]
    return len(set(every)) / max(1, len(every))


def _self_bleu(texts: Sequence[str]) -> float:
    others = ([*texts[:number], *texts[number + 1 :]] for number in range(len(texts)))
    return fmean(sentence_bleu(text, refs).score for text, refs in zip(texts, others, strict=True)) / 100


def _distance(vectors: np.ndarray) -> float:
    similar = vectors @ vectors.T
    count = len(vectors)
    return float(1 - (similar.sum() - np.trace(similar)) / (count * (count - 1)))
