"""Which tokens are masked, and which spans are negatives of the contrast."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from relseed.pretraining.corpus import TokenKind

Masking = Literal["spans", "bert"]

IGNORE_INDEX = -100  # the label of a token that is not to be predicted, as torch's cross-entropy knows it
# Probability of a token to be masked, by its kind (TKRE, section 3.3.1).
RATES = {TokenKind.SPECIAL: 0.0, TokenKind.OTHER: 0.2, TokenKind.MENTION: 0.5, TokenKind.RELATION: 0.8}
_BERT_RATE, _BERT_MASKED, _BERT_RANDOM = 0.15, 0.8, 0.1  # Devlin et al. 2019, section 3.1


def mask_tokens(
    ids: Sequence[int],
    kinds: Sequence[TokenKind],
    masking: Masking,
    mask: int,
    words: Sequence[int],
    rng: np.random.Generator,
) -> tuple[list[int], list[int]]:
    """Token ids with some masked, and the labels to predict: the id where one is masked, else `IGNORE_INDEX`.

    `spans`: each token by itself with the probability of its kind, always shown as `mask`. `bert`: 15 % of all, of
    which 80 % are shown as `mask`, 10 % as one of `words`, 10 % as they are. Special tokens are never masked.
    """
    if masking == "spans":
        chosen = rng.random(len(ids)) < [RATES[kind] for kind in kinds]
        shown = np.where(chosen, mask, ids)
    else:
        chosen = (rng.random(len(ids)) < _BERT_RATE) & (np.array(kinds) != TokenKind.SPECIAL)
        way = rng.random(len(ids))
        other = np.where(way < _BERT_MASKED + _BERT_RANDOM, rng.choice(words, len(ids)), ids)
        shown = np.where(chosen, np.where(way < _BERT_MASKED, mask, other), ids)
    return shown.tolist(), np.where(chosen, ids, IGNORE_INDEX).tolist()


def negative_span(kinds: Sequence[TokenKind], length: int, rng: np.random.Generator) -> tuple[int, int] | None:
    """A span of `length` tokens, end exclusive, that holds nothing but other words; None if there is none."""
    starts = [at for at in range(len(kinds) - length + 1) if set(kinds[at : at + length]) == {TokenKind.OTHER}]
    if not starts:
        return None
    start = int(rng.choice(starts))
    return start, start + length
