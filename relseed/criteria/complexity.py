"""Complexity: whether the syntax of an example is as complex as that of the seeds, by spaCy.

Three measures: the depth of the dependency tree, the mean distance of words from their heads (Liu 2008), and the number
of clauses. Each is best inside the middle half of the seeds: deeper is not better, and neither is plainer.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import spacy
from spacy.language import Language
from spacy.tokens import Doc, Token

from relseed.criteria.criterion import CriterionSettings, Score, Scorer, Scoring
from relseed.pipeline.errors import UserError

# Dependents that are clauses of their own: relative, adverbial and complement clauses, and what modifies a noun.
_CLAUSES = frozenset({"relcl", "advcl", "ccomp", "xcomp", "acl", "csubj"})
MEASURES = ("depth", "distance", "clauses")


class Settings(CriterionSettings):
    """An entry of `criteria` with this name."""

    model: str  # of spaCy, with a parser: the name of an installed package, or the path of a folder


def scorer(scoring: Scoring) -> Scorer:
    """The mean over the measures, each 1 inside the quartiles of the seeds and falling outside; the measures as a note.

    A measure reaches 0 at the distance of the band's width, of one at least, from it.

    Raises:
        UserError: There is no such model of spaCy here.
    """
    parser, task = _load(scoring.settings.model), scoring.task
    seeds = np.array(list(_measured(parser, map(task.text, scoring.seeds))))
    low, high = np.quantile(seeds, [0.25, 0.75], axis=0)

    def score(examples: Sequence[Any]) -> list[Score]:
        return [_score(np.array(row), low, high) for row in _measured(parser, map(task.text, examples))]

    return score


def _load(model: str) -> Language:
    try:
        return spacy.load(model, disable=["ner", "lemmatizer"])
    except OSError as error:
        raise UserError(f"criteria.complexity.model: no model {model!r} of spaCy here: install it ({error})") from None


def _measured(parser: Language, texts: Iterable[str]) -> Iterable[tuple[int, float, int]]:
    return map(measures_of, parser.pipe(texts))


def measures_of(doc: Doc) -> tuple[int, float, int]:
    """Depth of the deepest tree, mean distance in words from word to head, clauses."""
    words = [token for token in doc if not token.is_punct and not token.is_space]
    distances = [abs(token.i - token.head.i) for token in words if token.head != token]
    clauses = sum(token.dep_ == "ROOT" or token.dep_ in _CLAUSES or _joins_clauses(token) for token in doc)
    return max(map(_depth, words), default=0), float(np.mean(distances)) if distances else 0.0, clauses


def _joins_clauses(token: Token) -> bool:
    return token.dep_ == "conj" and token.pos_ in ("VERB", "AUX")


def _depth(token: Token) -> int:
    return sum(1 for _ in token.ancestors) + 1


def _score(row: np.ndarray, low: np.ndarray, high: np.ndarray) -> Score:
    outside = np.maximum(np.maximum(low - row, row - high), 0) / np.maximum(high - low, 1)
    note = ", ".join(f"{name} {value:.3g}" for name, value in zip(MEASURES, row, strict=True))
    return Score(float(np.mean(1 - np.minimum(outside, 1))), note)
