"""Same texts and near-duplicates, among texts and between lists of examples."""

import math
import random
import time
import tracemalloc
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relseed.quality import duplicates
from relseed.quality.duplicates import (
    Index,
    Match,
    Overlap,
    SimilarPair,
    nearest,
    normalise,
    overlaps,
    similarity,
)
from relseed.tasks.relation import TASK, Example, Mention

LONG = "The old ferry at Port Ellery carried grain, goats and gossip across the sound until a storm in March sank it."
CHANGED = LONG.replace("gossip", "rumours")
UNRELATED = "Nobody at the bakery could say who had ordered forty-two wedding cakes."


def example(name: str, text: str) -> Example:
    return Example(id=name, text=text, head=Mention(start=0, end=1), tail=Mention(start=2, end=3), relation="made_up")


def words(seed: int, texts: int, vocabulary: int) -> list[str]:
    rng = random.Random(seed)
    return [" ".join(f"w{rng.randrange(vocabulary)}" for _ in range(rng.randint(1, 25))) for _ in range(texts)]


def trigrams(text: str) -> set[tuple[str, ...]]:
    parts = text.split()
    return {tuple(parts[start : start + 3]) for start in range(len(parts) - 2)} or {tuple(parts)}


def test_a_same_text_is_found_whatever_its_case_blanks_and_punctuation() -> None:
    shouted = "  " + LONG.upper().replace(",", " ;").replace(" ", "  ")
    assert nearest([shouted], [UNRELATED, LONG], threshold=1.0) == [Match(1, 1.0, same=True)]


def test_a_text_with_one_word_of_twenty_one_changed_is_a_near_duplicate_with_its_exact_similarity() -> None:
    assert len(LONG.split()) == 21
    # 21 words make 19 trigrams, and the changed word stands in 3 of them: 16 shared of 22.
    assert nearest([CHANGED], [UNRELATED, LONG], threshold=0.7) == [Match(1, 16 / 22, same=False)]


def test_a_similarity_at_the_threshold_counts_and_one_below_it_does_not() -> None:
    assert nearest([CHANGED], [LONG], threshold=16 / 22) == [Match(0, 16 / 22, same=False)]
    assert nearest([CHANGED], [LONG], threshold=16 / 22 + 1e-9) == [None]


def test_an_unrelated_text_has_no_match() -> None:
    assert nearest([UNRELATED], [LONG, CHANGED], threshold=0.3) == [None]


def test_the_most_similar_text_is_taken_and_the_earliest_of_equals() -> None:
    assert nearest([LONG], [CHANGED, LONG, LONG], threshold=0.5) == [Match(1, 1.0, same=True)]
    assert nearest([LONG], [UNRELATED, CHANGED, CHANGED], threshold=0.5) == [Match(1, 16 / 22, same=False)]


def test_texts_that_share_all_trigrams_but_are_not_the_same_are_near_duplicates() -> None:
    assert nearest(["a b c a b c"], ["a b c a b"], threshold=1.0) == [Match(0, 1.0, same=False)]


@pytest.mark.parametrize("text", ["Yes", "Yes, Sir", "!", "🙂 🙃"])
def test_a_text_of_fewer_than_three_words_matches_the_same_text_alone(text: str) -> None:
    others = ["No", "Yes, Sir, please", "?", "🙂", LONG]
    assert nearest([text], others, threshold=0.1) == [None]
    assert nearest([text], [*others, text], threshold=1.0) == [Match(len(others), 1.0, same=True)]


def test_nothing_matches_in_an_empty_list_and_nothing_is_looked_up_for_one() -> None:
    assert nearest([LONG], [], threshold=0.8) == [None]
    assert nearest([], [LONG], threshold=0.8) == []


@pytest.mark.parametrize("threshold", [0.0, -0.5, 1.1])
def test_a_threshold_that_is_no_similarity_is_an_error(threshold: float) -> None:
    with pytest.raises(ValueError, match="threshold"):
        nearest([LONG], [LONG], threshold=threshold)


def test_normalising_keeps_words_and_drops_case_punctuation_and_width() -> None:
    assert normalise(" “Straße”—Ａ_b's… ") == "strasse a b s"


def by_hand(first: str, second: str) -> float:
    return len(trigrams(first) & trigrams(second)) / len(trigrams(first) | trigrams(second))


def edited(text: str, rng: random.Random) -> str:
    parts = text.split()
    parts[rng.randrange(len(parts))] = "changed"
    return " ".join(parts)


def best(text: str, known: Sequence[str], threshold: float) -> Match | None:
    """The match by comparing a text with every known one."""
    same = [normalise(other) == normalise(text) for other in known]
    if any(same):
        return Match(same.index(True), 1.0, same=True)
    matches = [Match(number, similarity(text, other), same=False) for number, other in enumerate(known)]
    most = max(matches, key=lambda match: match.similarity, default=None)
    return most if most and most.similarity >= threshold else None


@pytest.mark.parametrize("threshold", [0.07, 0.3, 0.6, 0.8])
def test_the_matches_are_those_of_comparing_every_text_with_every_other(threshold: float) -> None:
    rng = random.Random(4)
    known = words(1, 60, 5000)
    texts = [edited(text, rng) for text in known] + words(2, 20, 5)
    known += words(3, 40, 5)
    for text, match in zip(texts, nearest(texts, known, threshold=threshold), strict=True):
        most = max(by_hand(text, other) for other in known)
        assert (match.similarity if match else None) == (most if most >= threshold else None)
        assert match == best(text, known, threshold)


LETTERS = "abcdefghijklmno"
# Parts of one text, alone or two joined: similar to each other in many degrees, often to the same.
parts = st.tuples(st.integers(0, 6), st.integers(1, 6) | st.integers(1, 15)).map(
    lambda ends: " ".join(LETTERS[ends[0] : sum(ends)])
)
joined = parts | st.tuples(parts, parts).map(" ".join)
any_texts = st.lists(joined | st.text(alphabet="ab ,", min_size=1, max_size=16), max_size=6)
# The similarities of small sets are fractions of small numbers: at such a threshold rounding could matter.
fractions = st.tuples(st.integers(1, 12), st.integers(1, 12)).map(lambda pair: min(pair) / max(pair))
thresholds = fractions | fractions.map(lambda value: math.nextafter(value, 0)) | st.floats(0.01, 1)


def check_all_matches(texts: Sequence[str], known: Sequence[str], threshold: float) -> None:
    index = Index(threshold)
    for text in known:
        index.add(text)
    for text in [*texts, *known]:
        expected = best(text, known, threshold)
        assert (index.nearest(text), index.has_like(text)) == (expected, expected is not None)


@settings(max_examples=200)
@given(any_texts, any_texts, thresholds)
def test_whatever_the_texts_and_the_threshold_no_match_is_missed(
    texts: list[str], known: list[str], threshold: float
) -> None:
    check_all_matches(texts, known, threshold)


@given(any_texts, any_texts, thresholds, st.sampled_from([0, 1, 7]))
def test_shingles_that_share_a_hash_are_told_apart(
    texts: list[str], known: list[str], threshold: float, bits: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(duplicates, "_32_BITS", bits)
        duplicates._read.cache_clear()
        check_all_matches(texts, known, threshold)
    duplicates._read.cache_clear()


texts = st.lists(st.text(alphabet="ab ,", min_size=1, max_size=16), max_size=6)


@settings(deadline=None, max_examples=50)
@given(texts, texts)
def test_two_texts_are_as_similar_in_either_direction(first: list[str], second: list[str]) -> None:
    there, back = nearest(first, second, threshold=0.5), nearest(second, first, threshold=0.5)
    assert any(there) == any(back)
    for match in filter(None, there):
        returned = back[match.index]
        assert returned is not None
        assert returned.similarity >= match.similarity


def test_a_text_is_compared_with_those_added_before_it_alone() -> None:
    index = Index(0.5)
    assert index.nearest(LONG) is None
    index.add(CHANGED)
    index.add(LONG)
    assert index.nearest(LONG) == Match(1, 1.0, same=True)


def test_the_similarity_of_two_texts_is_that_of_their_word_trigrams() -> None:
    assert similarity(LONG, CHANGED.upper()) == 16 / 22
    assert similarity(LONG, UNRELATED) == 0


def compared(lists: Mapping[str, Sequence[Example]], threshold: float) -> list[Overlap]:
    return overlaps(lists, TASK.text, threshold=threshold)


def test_every_two_named_lists_are_compared_and_counted() -> None:
    lists = {
        "seeds": [example("s1", LONG), example("s2", UNRELATED)],
        "validation": [example("v1", "A third thing altogether happened.")],
        "test": [example("t1", CHANGED), example("t2", UNRELATED.upper())],
    }
    found = compared(lists, 0.7)
    assert [(overlap.first, overlap.second, overlap.same, overlap.near) for overlap in found] == [
        ("seeds", "validation", 0, 0),
        ("seeds", "test", 1, 1),
        ("validation", "test", 0, 0),
    ]
    assert found[1].pairs == (SimilarPair("s1", "t1", 16 / 22, same=False), SimilarPair("s2", "t2", 1.0, same=True))


def test_the_counts_do_not_depend_on_the_order_of_lists_that_share_single_pairs() -> None:
    first, second = [example("a", LONG), example("b", UNRELATED)], [example("c", CHANGED)]
    (there,) = compared({"first": first, "second": second}, 0.7)
    (back,) = compared({"second": second, "first": first}, 0.7)
    assert (there.same, there.near) == (back.same, back.near) == (0, 1)


def test_the_summary_counts_and_lists_each_pair_with_its_similarity() -> None:
    lists = {"seeds": [example("s1", LONG), example("s2", UNRELATED)], "test": [example("t1", CHANGED)]}
    [overlap] = compared(lists, 0.7)
    assert overlap.summary() == "seeds in test: 0 same texts, 1 near-duplicates\n  s1 ~ t1 (0.73)"


def test_the_overlaps_are_the_same_each_time() -> None:
    lists = {
        name: [example(f"{name}{n}", f"A B {text}") for n, text in enumerate(words(seed, 80, 6))]
        for seed, name in enumerate("ab")
    }
    assert compared(lists, 0.4) == compared(lists, 0.4)


def test_600_texts_are_looked_up_among_3000_in_a_few_seconds() -> None:
    start = time.process_time()
    nearest(words(1, 600, 2000), words(2, 3000, 2000), threshold=0.8)
    assert time.process_time() - start < 5


def test_an_index_takes_less_than_two_kilobytes_for_a_text_of_twenty_five_words_at_most() -> None:
    texts = words(9, 1000, 3000)
    tracemalloc.start()
    try:
        index = Index(0.5)
        for text in texts:
            index.add(text)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 2000 * len(texts)


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("林小雨在十二月创办了这家生产玻璃的公司。", "林小雨在十一月创办了这家生产玻璃的公司。"),
        ("林小雨在十二月创办了这家生产玻璃的公司。", "林小雨在十二月创办了这家生产玻璃的公司了。"),
        ("マリットは毎朝早く港の古い船を磨いている。", "マリットは毎晩早く港の古い船を磨いている。"),
        ("มาริทซื้อเรือเก่าลำนี้เมื่อปีที่แล้ว", "มาริทซื้อเรือใหม่ลำนี้เมื่อปีที่แล้ว"),
    ],
    ids=["a character", "a particle", "Japanese", "Thai"],
)
def test_texts_without_blanks_that_differ_in_little_are_near_duplicates(text: str, changed: str) -> None:
    assert 0.6 < similarity(text, changed) < 1
    [found] = nearest([changed], [UNRELATED, text], threshold=0.6)
    assert found is not None
    assert (found.index, found.same) == (1, False)


def test_texts_without_blanks_about_other_things_are_no_near_duplicates() -> None:
    assert similarity("林小雨在十二月创办了这家公司。", "昨天晚上港口下了一场大雪。") < 0.1


def test_words_with_marks_are_told_apart_by_them() -> None:
    assert normalise("की किताब") == "की किताब"
    assert similarity("उसने मेरी किताब पढ़ी थी", "उसने मेरे कितबे पढ़ा था") < 1
