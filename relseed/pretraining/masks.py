"""Which tokens are hidden from the encoder, and which spans it is shown as wrong ones."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from relseed.pretraining.corpus import Kind

Masking = Literal["spans", "bert"]

IGNORED = -100  # the label of a token that is not to be told, as torch's cross-entropy knows it
# Probability of a token to be hidden, by its kind (TKRE, section 3.3.1).
RATES = {Kind.SPECIAL: 0.0, Kind.OTHER: 0.2, Kind.MENTION: 0.5, Kind.RELATION: 0.8}
_BERT_RATE, _BERT_MASKED, _BERT_RANDOM = 0.15, 0.8, 0.1  # Devlin et al. 2019, section 3.1


def hidden(
    ids: Sequence[int],
    kinds: Sequence[Kind],
    masking: Masking,
    mask: int,
    words: Sequence[int],
    chance: np.random.Generator,
) -> tuple[list[int], list[int]]:
    """Token ids with some hidden, and the labels to tell: the id where one is hidden, else `IGNORED`.

    `spans`: each token by itself with the probability of its kind, always shown as `mask`. `bert`: 15 % of all, of
    which 80 % are shown as `mask`, 10 % as one of `words`, 10 % as they are. Special tokens are never hidden.
    """
    if masking == "spans":
        chosen = chance.random(len(ids)) < [RATES[kind] for kind in kinds]
        shown = np.where(chosen, mask, ids)
    else:
        chosen = (chance.random(len(ids)) < _BERT_RATE) & (np.array(kinds) != Kind.SPECIAL)
        way = chance.random(len(ids))
        other = np.where(way < _BERT_MASKED + _BERT_RANDOM, chance.choice(words, len(ids)), ids)
        shown = np.where(chosen, np.where(way < _BERT_MASKED, mask, other), ids)
    return shown.tolist(), np.where(chosen, ids, IGNORED).tolist()


def negative_span(kinds: Sequence[Kind], length: int, chance: np.random.Generator) -> tuple[int, int] | None:
    """A span of `length` tokens, end exclusive, that holds nothing but other words; None if there is none."""
    starts = [at for at in range(len(kinds) - length + 1) if set(kinds[at : at + length]) == {Kind.OTHER}]
    if not starts:
        return None
    start = int(chance.choice(starts))
    return start, start + length
