"""Cross-fitting: folds of a training set, and what extractors say of examples that they did not learn from."""

import warnings
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from relseed.classifier import cross_fitting
from relseed.classifier.calibration import Calibrate, Held, scores_of
from relseed.classifier.checkpoint import Extractor
from relseed.classifier.cross_fitting import decision_of, folds_of
from relseed.classifier.decision import Decision
from relseed.classifier.inference import read, states_of
from relseed.pipeline.errors import UserError
from relseed.tasks.relation import TASK as RELATION
from relseed.tasks.yes_no import TASK as YES_NO
from tests.boats import GOOD, OTHER, SCHEMA, SEEDS
from tests.boats import seed as boat
from tests.extractors import QUESTIONS, untrained

WRITTEN = [
    question.model_copy(update={"id": f"m-{question.id}", "question": f"So, {question.question}", "method": "m"})
    for question in QUESTIONS[:8]
]
TRAIN = [*QUESTIONS, *WRITTEN]
# Sentences of three names, and which two of these are marked.
THREE = [f"{{}} sold {{}} to {{}} in the year {year} after a long quarrel." for year in (1901, 1902, 1903, 1904)]
PAIRS = [
    ("<e1>Ines</e1>", "the <e2>Sula</e2>", "Tove"),
    ("<e2>Ines</e2>", "the <e1>Sula</e1>", "Tove"),
    ("<e1>Ines</e1>", "the Sula", "<e2>Tove</e2>"),
]
SETTINGS = Calibrate(folds=2, negatives=0.2, threshold_negatives=0.5)


def test_each_example_is_outside_of_one_fold_and_inside_of_all_others():
    folds = folds_of(YES_NO, TRAIN, 4, seed=1)
    outside = [example.id for _, part in folds for example in part]
    assert sorted(outside) == sorted(example.id for example in TRAIN)
    for inside, part in folds:
        assert {example.id for example in inside} == set(outside) - {example.id for example in part}


def test_real_and_written_examples_of_each_label_are_spread_over_the_folds():
    for _, outside in folds_of(YES_NO, TRAIN, 4, seed=1):
        kinds = Counter((example.label, example.method) for example in outside)
        assert kinds == {("true", None): 2, ("false", None): 2, ("true", "m"): 1, ("false", "m"): 1}


@pytest.mark.parametrize("count", [2, 3])
def test_examples_of_one_text_are_in_one_fold(count):
    passages = [
        question.model_copy(update={"id": f"{question.id}-{at}", "passage": f"Passage {at % 8}."})
        for at, question in enumerate(TRAIN)
    ]
    for inside, outside in folds_of(YES_NO, passages, count, seed=1):
        assert outside
        assert {each.passage for each in inside} & {each.passage for each in outside} == set()


def test_pairs_of_one_sentence_are_in_one_fold_whichever_way_round_and_whatever_their_names():
    pairs = [
        boat(f"{n}-{pair}", text.format(*names)) for n, text in enumerate(THREE) for pair, names in enumerate(PAIRS)
    ]
    for inside, outside in folds_of(RELATION, pairs, 2, seed=1):
        assert len({each.text for each in inside}) == len({each.text for each in outside}) == 2
        assert {each.text for each in inside} & {each.text for each in outside} == set()


def test_fewer_texts_than_folds_are_an_error_with_the_cure():
    passages = [question.model_copy(update={"passage": f"Passage {at % 2}."}) for at, question in enumerate(TRAIN)]
    with pytest.raises(UserError, match=r"calibrate\.folds is 3, .* no more than 2 texts: lower it"):
        folds_of(YES_NO, passages, 3, seed=1)


def test_folds_are_the_same_each_time_and_others_with_another_random_seed():
    first, again, other = (folds_of(YES_NO, TRAIN, 2, seed) for seed in (1, 1, 2))
    assert first == again != other


def test_a_label_with_fewer_examples_than_folds_is_in_some_of_them_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        folds = folds_of(YES_NO, [*QUESTIONS, WRITTEN[0]], 3, seed=1)
    assert [WRITTEN[0] in outside for _, outside in folds].count(True) == 1


def test_more_folds_than_any_label_has_examples_are_an_error_with_the_cure():
    with pytest.raises(UserError, match=r"calibrate\.folds is 9, and no label has so many examples.*0: validation alo"):
        folds_of(YES_NO, QUESTIONS, 9, seed=1)


def test_there_may_be_no_folds():
    assert folds_of(YES_NO, TRAIN, 0, seed=1) == []


def test_a_decision_is_fitted_to_validation_and_to_what_each_fold_s_extractor_says_of_its_outside(
    tiny_encoder, monkeypatch
):
    whole, other = (taught(untrained(tiny_encoder, "first_token"), learnt) for learnt in (TRAIN, WRITTEN[:4]))
    with torch.no_grad():
        other.model.head[-1].bias += 1
    seen: list[Held] = []
    monkeypatch.setattr(cross_fitting, "fit", lambda held, *_: seen.append(held) or Decision(temperature=7))
    decision = decision_of(whole, QUESTIONS[:3], [(other, WRITTEN[4:])], SETTINGS, "probability")
    [held] = seen
    scores = scores_of(Decision(temperature=7), held, whole.schema.negative_class)
    assert decision == Decision(temperature=7, fitted_on=decision.fitted_on, held_out=scores)
    expected = [read(whole, QUESTIONS[:3]), read(other, WRITTEN[4:])]
    np.testing.assert_allclose(held.read.logits, np.concatenate([part.logits for part in expected]), atol=1e-6)
    np.testing.assert_allclose(
        held.read.similarities, np.concatenate([part.similarities for part in expected]), atol=1e-6
    )


def taught(extractor: Extractor, learnt: list[Any]) -> Extractor:
    """The extractor with what it learnt from."""
    return replace(extractor, learnt=states_of(extractor, learnt))


def test_a_decision_says_how_many_examples_of_which_kind_it_was_fitted_to(tiny_encoder):
    extractor = untrained(tiny_encoder, "typed_marker", RELATION, SCHEMA, SEEDS)
    nothing = boat("boats-8", OTHER).model_copy(update={"relation": "no_relation"})
    written = nothing.model_copy(update={"id": "m/no_relation/0/0", "method": "m"})
    decision = decision_of(extractor, [*SEEDS, boat("boats-9", GOOD), nothing, written], [], SETTINGS, "energy")
    assert decision.fitted_on == {"real": 3, "written": 0, "negative real": 1, "negative written": 1}
    assert (decision.score, decision.negatives) == ("energy", 0.2)
