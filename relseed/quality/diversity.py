"""How unlike each other the texts are, unit by unit: label by label, mostly."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import log
from statistics import fmean

import numpy as np
from pydantic import BaseModel, ConfigDict
from vendi_score import vendi

from relseed.quality.duplicates import normalise
from relseed.quality.language import words
from relseed.quality.self_bleu import self_bleu
from relseed.quality.templates import template


class Diversity(BaseModel):
    """Figures of one unit's texts, or means over units."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    distinct_1: float  # different words among all words, 0 to 1 (Li et al. 2016)
    distinct_2: float  # the same of pairs of adjacent words
    self_bleu: float  # mean BLEU of each text against the others, 0 to 1: low is diverse (Zhu et al. 2018)
    distance: float  # mean pairwise cosine distance of sentence embeddings, 0 to 2
    distance_masked: float  # the same with the two mentions masked: new names alone don't count
    distinct_masked: float  # different texts among all, names and numbers masked, 0 to 1
    vendi: float  # effective number of different texts, 1 to all (Friedman and Dieng 2023)
    vendi_masked: float  # the same with the two mentions masked


@dataclass(frozen=True, slots=True)
class Embedded:
    """A text and its unit vector, its template, and the unit vector with its mentions masked."""

    text: str
    template: str
    vector: np.ndarray
    masked: np.ndarray


class EmbeddedTexts:
    """Texts with their embeddings, as they are and with their mentions masked; the vectors are in a file."""

    def __init__(self, texts: Sequence[str], masked: Sequence[str], desc: str) -> None:
        """Embed them; `desc` says what for, on the terminal."""
        from relseed.quality.embeddings import Vectors  # late: it loads PyTorch, which who reads figures does without

        self._texts, self._masked, self._vectors = texts, masked, Vectors([*texts, *masked], desc)

    def at(self, places: Iterable[int]) -> list[Embedded]:
        """The texts at some places."""
        masked = len(self._texts)  # they come after the others
        return [
            Embedded(self._texts[at], template(self._masked[at]), self._vectors[at], self._vectors[masked + at])
            for at in places
        ]


def diversity(texts: Mapping[str, Sequence[Embedded]]) -> dict[str, Diversity]:
    """The diversity of each unit's texts; a unit with fewer than two has none."""
    return {unit: _figures(own) for unit, own in texts.items() if len(own) > 1}


def mean(figures: Mapping[str, Diversity]) -> Diversity | None:
    """The means over units, None where there are none."""
    if not figures:
        return None
    return Diversity(
        **{name: fmean(getattr(diversity, name) for diversity in figures.values()) for name in Diversity.model_fields}
    )


def _figures(points: Sequence[Embedded]) -> Diversity:
    texts = [point.text for point in points]
    in_words = [words(text.casefold()) for text in texts]
    vectors = np.stack([point.vector for point in points])
    masked = np.stack([point.masked for point in points])
    return Diversity(
        distinct_1=_distinct([[(word,) for word in text] for text in in_words]),
        distinct_2=_distinct([list(pairwise(text)) for text in in_words]),
        self_bleu=self_bleu(texts),
        distance=distance(vectors),
        distance_masked=distance(masked),
        distinct_masked=len({normalise(point.template) for point in points}) / len(points),
        vendi=float(vendi.score_dual(vectors.astype(float))),
        vendi_masked=float(vendi.score_dual(masked.astype(float))),
    )


def _distinct(grams: Sequence[Sequence[tuple[str, ...]]]) -> float:
    every = [gram for text in grams for gram in text]
    return len(set(every)) / max(1, len(every))


def balance(counts: Collection[int], labels: int) -> float:
    """The entropy of labels by their counts, as a share of what it is if all `labels` are as frequent, 0 to 1."""
    shares = [count / sum(counts) for count in counts if count]
    return abs(sum(share * log(share) for share in shares)) / log(labels)


def distance(vectors: np.ndarray) -> float:
    """The mean cosine distance of two unit vectors of some, [n, h], 0 to 2."""
    similar = vectors @ vectors.T
    count = len(vectors)
    return float(1 - (similar.sum() - np.trace(similar)) / (count * (count - 1)))
