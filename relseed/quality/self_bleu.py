"""Self-BLEU (Zhu et al. 2018): how far each text repeats the others, from sacrebleu's parts.

Scoring each text against all others with sacrebleu itself tokenizes and counts every text again each time. Here each is
counted once, and of each n-gram the two texts that have it most are kept: what the others hold most is one of these.
"""

from collections import Counter
from collections.abc import Sequence
from statistics import fmean

from sacrebleu.metrics.bleu import BLEU, MAX_NGRAM_ORDER
from sacrebleu.metrics.helpers import extract_all_word_ngrams
from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a

from relseed.quality.language import letters_apart

_Ngram = tuple[str, ...]


def self_bleu(texts: Sequence[str]) -> float:
    """The mean of `sacrebleu.sentence_bleu` of each text against all others, 0 to 1.

    Letters are words where no blanks part words, as in sacrebleu's tokenizer for Chinese.
    """
    tokenizer = Tokenizer13a()
    counted = [extract_all_word_ngrams(tokenizer(letters_apart(text).rstrip()), 1, MAX_NGRAM_ORDER) for text in texts]
    most = _two_most([counts for counts, _ in counted])
    lengths = Counter(length for _, length in counted)
    return fmean(_score(at, *each, most, lengths) for at, each in enumerate(counted)) / 100


def _two_most(each: Sequence[Counter[_Ngram]]) -> dict[_Ngram, tuple[int, int, int]]:
    """Of each n-gram the text that has it most, how often, and how often any other text has it at most."""
    most: dict[_Ngram, tuple[int, int, int]] = {}
    for at, counts in enumerate(each):
        for ngram, count in counts.items():
            owner, first, second = most.get(ngram, (at, 0, 0))
            most[ngram] = (at, count, first) if count > first else (owner, first, max(second, count))
    return most


def _score(
    at: int,
    counts: Counter[_Ngram],
    length: int,
    most: dict[_Ngram, tuple[int, int, int]],
    lengths: Counter[int],
) -> float:
    correct, total = [0] * MAX_NGRAM_ORDER, [0] * MAX_NGRAM_ORDER
    for ngram, count in counts.items():
        owner, first, second = most[ngram]
        total[len(ngram) - 1] += count
        correct[len(ngram) - 1] += min(count, second if owner == at else first)
    # The length of a reference that is closest to that of the text, of two the shorter.
    others = (known for known, number in lengths.items() if known != length or number > 1)
    closest = min(others, key=lambda known: (abs(known - length), known))
    score = BLEU.compute_bleu(correct, total, length, closest, smooth_method="exp", effective_order=True)
    return float(score.score)
