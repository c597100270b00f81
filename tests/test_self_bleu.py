"""Self-BLEU: what sacrebleu gives for each text against all others, only sooner."""

import time
from statistics import fmean

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sacrebleu import sentence_bleu

from relseed.quality.self_bleu import self_bleu

COPY = "At dawn the old miller grinds rye for the village."
TEXTS = [
    COPY,
    "At dawn the old miller grinds rye, and at dawn the old miller sings.",
    "Nobody ever repaired that bridge.",
    "Why did copper cost $1,250.50 so little then?",
    "The miller's wife said: “Rye & wheat — at dawn!”",
]
# Few different words make n-grams that texts share, as often or less often; the rest are whatever there is.
phrases = st.lists(st.sampled_from(["rye", "mill", "the", "old", ".", ",", "1,000"]), min_size=1, max_size=12).map(
    " ".join
)
texts = st.lists(phrases | st.text(min_size=1, max_size=20), min_size=2, max_size=6)


def by_sacrebleu(texts: list[str]) -> float:
    others = ([other for place, other in enumerate(texts) if place != number] for number in range(len(texts)))
    return fmean(sentence_bleu(text, rest).score for text, rest in zip(texts, others, strict=True)) / 100


def test_it_is_what_sacrebleu_gives_for_each_text_against_all_others() -> None:
    assert self_bleu(TEXTS) == pytest.approx(by_sacrebleu(TEXTS), abs=1e-12)


@given(texts)
@example(["rye rye rye", "rye", "rye rye"])
@example(["rye", "rye rye rye"])
@example(["", "rye"])
@example(["rye \n", "\n rye\t"])
def test_it_is_what_sacrebleu_gives_whatever_the_texts_are(texts: list[str]) -> None:
    assert self_bleu(texts) == pytest.approx(by_sacrebleu(texts), abs=1e-12)


@given(texts)
def test_it_is_the_same_in_any_order(texts: list[str]) -> None:
    assert self_bleu(texts[::-1]) == pytest.approx(self_bleu(texts), abs=1e-12)


@pytest.mark.parametrize("text", [COPY, "Tea.", "Ole mends.", "Über 30 Tassen gab es nicht."])
def test_that_of_copies_is_one(text: str) -> None:
    assert self_bleu([text] * 3) == pytest.approx(1)


def test_it_rises_with_what_texts_share() -> None:
    ladder = (
        "Nobody ever repaired that bridge near Ulm",
        "At dawn the old miller repaired that bridge",
        "At dawn the old miller grinds rye for money",
        COPY,
    )
    scores = [self_bleu([COPY, other]) for other in ladder]
    assert scores == sorted(set(scores))
    assert scores[0] < 0.1


def test_a_thousand_texts_take_a_second_or_two() -> None:
    many = [f"{TEXTS[number % 5]} On day {number} of {number % 37}." for number in range(1000)]
    start = time.process_time()
    self_bleu(many)
    assert time.process_time() - start < 5
