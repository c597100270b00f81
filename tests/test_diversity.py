"""How unlike each other the texts are: figures known by hand, by another way of computing, by nature."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from relseed.quality.diversity import Diversity, Embedded, EmbeddedTexts, diversity, mean
from relseed.quality.embeddings import Vectors, embed
from relseed.tasks.relation import TASK
from relseed.tasks.relation.tags import untag

COPY = "At dawn the old miller grinds rye for the village."
DIFFERENT = (
    "At dawn the old miller grinds rye for the village.",
    "Nobody ever repaired that bridge.",
    "Her cousin owns two sailing boats!",
    "Why did copper cost so little then?",
)


def embedded_texts(texts: Sequence[str], vectors: np.ndarray | None = None) -> list[Embedded]:
    """Texts with unit vectors, by default the same vector for the same text and orthogonal ones for others."""
    if vectors is None:
        different = list(dict.fromkeys(texts))
        vectors = np.eye(len(different))[[different.index(text) for text in texts]]
    return list(map(Embedded, texts, texts, vectors, vectors))


def figures(texts: Sequence[str], vectors: np.ndarray | None = None) -> Diversity:
    return diversity({"mends": embedded_texts(texts, vectors)})["mends"]


def units(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


directions = st.tuples(st.integers(2, 7), st.integers(2, 5)).flatmap(
    lambda shape: arrays.arrays(float, shape, elements=st.floats(0.1, 1) | st.floats(-1, -0.1)).map(units)
)


def test_copies_are_the_least_diverse_in_every_figure():
    copies, different = figures([COPY] * 4), figures(DIFFERENT)
    assert copies.distinct_1 < different.distinct_1
    assert copies.distinct_2 < different.distinct_2
    assert copies.self_bleu > different.self_bleu
    assert copies.distance < different.distance
    assert copies.distance_masked < different.distance_masked
    assert copies.distinct_masked < different.distinct_masked
    assert copies.vendi < different.vendi
    assert copies.vendi_masked < different.vendi_masked


def test_copies_count_as_one_text_at_no_distance():
    copies = figures([COPY] * 5)
    assert copies.vendi == pytest.approx(1)
    assert copies.distance == pytest.approx(0, abs=1e-9)


def test_texts_with_nothing_in_common_count_one_by_one():
    different = figures(DIFFERENT)
    assert different.vendi == pytest.approx(4)
    assert different.distance == pytest.approx(1)


def test_a_copy_more_adds_no_text_to_the_vendi_score():
    once, twice = figures(DIFFERENT), figures([*DIFFERENT, *DIFFERENT])
    assert twice.vendi == pytest.approx(once.vendi)


def reference_vendi(vectors: np.ndarray) -> float:
    """The exponential of the entropy of the eigenvalues of K / n (Friedman and Dieng 2023)."""
    values = np.linalg.eigvalsh(vectors @ vectors.T / len(vectors))
    values = values[values > 1e-12]
    return float(np.exp(-np.sum(values * np.log(values))))


@given(directions)
def test_the_vendi_score_is_the_one_of_its_definition(vectors):
    texts = [f"text {number}" for number in range(len(vectors))]
    assert figures(texts, vectors).vendi == pytest.approx(reference_vendi(vectors), rel=1e-6)


@given(directions)
def test_the_distance_is_the_mean_over_all_pairs(vectors):
    pairs = [1 - vector @ other for number, vector in enumerate(vectors) for other in vectors[:number]]
    texts = [f"text {number}" for number in range(len(vectors))]
    assert figures(texts, vectors).distance == pytest.approx(np.mean(pairs), abs=1e-9)


def test_distinct_words_and_pairs_are_counted_over_all_texts_and_pairs_end_with_theirs():
    counted = figures(["Tea, tea and tea.", "Cups AND tea!"])
    assert counted.distinct_1 == 3 / 7
    assert counted.distinct_2 == 4 / 5


def test_texts_without_a_word_are_measured_all_the_same():
    assert figures(["—!", "…?"]).distinct_1 == 0


def test_a_label_with_a_single_text_has_no_figures():
    measured = diversity({"mends": embedded_texts([COPY]), "brews": embedded_texts(DIFFERENT), "leads": []})
    assert list(measured) == ["brews"]


def test_the_order_of_texts_does_not_matter():
    vectors = units(np.random.default_rng(3).normal(size=(4, 3)))
    there, back = figures(DIFFERENT, vectors), figures(DIFFERENT[::-1], vectors[::-1])
    assert there.model_dump() == pytest.approx(back.model_dump())


@given(st.lists(st.text(min_size=1), min_size=2, max_size=5), st.data())
def test_every_figure_stays_within_its_bounds_whatever_the_texts_are(texts, data):
    shape = (len(texts), 3)
    vectors = data.draw(arrays.arrays(float, shape, elements=st.floats(0.1, 1) | st.floats(-1, -0.1)).map(units))
    found = figures(texts, vectors)
    slack = 1e-9
    shares = found.distinct_1, found.distinct_2, found.distinct_masked, found.self_bleu
    assert all(-slack <= share <= 1 + slack for share in shares)
    assert -slack <= found.distance <= 2 + slack
    assert all(1 - slack <= vendi <= len(texts) + slack for vendi in (found.vendi, found.vendi_masked))


def test_the_mean_counts_each_label_once_however_many_texts_it_has():
    measured = diversity({"mends": embedded_texts([COPY] * 9), "brews": embedded_texts(DIFFERENT)})
    assert mean(measured).vendi == pytest.approx((1 + 4) / 2)


def test_the_mean_over_no_label_is_none():
    assert mean({}) is None


TAGGED = (
    "For years <e1>Ida Holm</e1> led <e2>Nordlys</e2> from a shed.",
    "For years <e1>Raul Vega</e1> led <e2>Casa Lumen</e2> from a shed.",
    "The bridge that <e2>Kolm</e2> lost was drawn by <e1>Anton Reuss</e1>.",
)


def shown(*tagged: str) -> tuple[list[str], list[str]]:
    """Texts as they are and with their mentions masked."""
    sentences = list(map(untag, tagged))
    return list(map(TASK.text, sentences)), list(map(TASK.masked, sentences))


@pytest.fixture(scope="module")
def led() -> list[Embedded]:
    return EmbeddedTexts(*shown(*TAGGED), "embed").at(range(len(TAGGED)))


def test_new_names_alone_make_no_masked_distance(led):
    renamed = diversity({"leads": led[:2]})["leads"]
    assert renamed.distance_masked == pytest.approx(0, abs=1e-5)
    assert renamed.distance > 0.05


def test_other_words_make_a_masked_distance(led):
    assert diversity({"leads": led[1:]})["leads"].distance_masked > 0.2


def test_new_names_alone_make_no_other_text_once_they_are_masked(led):
    renamed, different = diversity({"leads": led[:2]})["leads"], diversity({"leads": led[1:]})["leads"]
    assert (renamed.distinct_masked, different.distinct_masked) == (1 / 2, 1)
    assert renamed.vendi_masked == pytest.approx(1, abs=1e-3)
    assert renamed.vendi > 1.05
    assert different.vendi_masked > 1.2


def test_vectors_in_a_file_are_those_of_all_texts_at_once_to_the_digit():
    texts = [f"{'word ' * (number % 17)}{number}" for number in range(150)]  # of more than two batches
    stored = Vectors(texts, "embed")
    assert np.array_equal([stored[at] for at in range(len(texts))], embed(texts))


def test_each_text_gets_its_own_unit_vectors_whatever_their_order(led):
    assert [sentence.text for sentence in led] == [untag(text).text for text in TAGGED]
    for number, text in enumerate(TAGGED):
        [alone] = EmbeddedTexts(*shown(text), "embed").at([0])
        assert alone.vector == pytest.approx(led[number].vector, abs=1e-5)
        assert alone.masked == pytest.approx(led[number].masked, abs=1e-5)
        assert np.linalg.norm(alone.vector) == pytest.approx(1)


def test_texts_without_blanks_that_repeat_each_other_are_not_diverse():
    first, second = "林小雨在十二月创办了这家公司。", "林小雨在十一月创办了这家公司。"
    like, unlike = figures([first, second]), figures([first, "昨天晚上港口下了一场大雪。"])
    assert like.distinct_1 < unlike.distinct_1
    assert like.self_bleu > 0.5 > unlike.self_bleu
