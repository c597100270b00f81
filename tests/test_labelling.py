"""What an extractor says of items: the answer, the best label beside it, and what is like nothing in training."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from relseed.classifier.checkpoint import CONFIG, Extractor
from relseed.classifier.decision import Decision
from relseed.classifier.inference import answer, read, states_of
from relseed.classifier.labelling import find_extractor, label
from relseed.pipeline.errors import UserError
from relseed.tasks.relation import TASK, Sentence
from tests.boats import GOOD, OTHER, SCHEMA, SEEDS, seed
from tests.extractors import deciding, untrained

ITEM = seed("boats-8", GOOD)
ITEMS = [ITEM, seed("boats-9", OTHER), *SEEDS]
NEGATIVE = "no_relation"


@pytest.fixture
def extractor(tiny_encoder) -> Extractor:
    return untrained(tiny_encoder, "typed_marker", TASK, SCHEMA, SEEDS)


def said(extractor: Extractor, item: Any = ITEM, **expected: float) -> dict[str, Any]:
    [row] = label(extractor, [item], **expected)
    return row


def test_the_answer_is_the_likeliest_label_where_no_threshold_is_set(extractor):
    for row in label(extractor, ITEMS):
        assert row["predicted"] == max(row["probabilities"], key=row["probabilities"].__getitem__)
        assert sum(row["probabilities"].values()) == pytest.approx(1, abs=1e-5)


def test_below_the_threshold_the_answer_is_the_negative_label_and_the_best_other_label_stands_beside_it(extractor):
    row = said(deciding(extractor, bias=-9.0, threshold=0.999))
    assert row["predicted"] == NEGATIVE
    others = {name: value for name, value in row["probabilities"].items() if name != NEGATIVE}
    best = max(others, key=others.__getitem__)
    assert row["best"] == {"label": best, "probability": others[best]}


def test_the_best_label_is_the_answer_where_that_asserts_something(extractor):
    row = said(deciding(extractor, bias=-9.0))
    assert row["best"] == {"label": row["predicted"], "probability": row["probabilities"][row["predicted"]]}
    assert row["predicted"] != NEGATIVE


def test_a_threshold_that_is_given_takes_the_place_of_the_checkpoint_s(extractor):
    sure = deciding(extractor, bias=-9.0, threshold=0.999)
    assert said(sure, threshold=0.0)["predicted"] == said(sure)["best"]["label"]


def test_the_share_of_negatives_that_is_expected_changes_probabilities_and_so_the_answer(extractor):
    calibrated = deciding(extractor, negatives=0.2)
    odds = [row["probabilities"][NEGATIVE] for row in (said(calibrated), said(calibrated, negatives=0.9999))]
    assert odds[0] < 0.9 < odds[1]
    assert said(calibrated, negatives=0.9999)["predicted"] == NEGATIVE
    assert said(calibrated, negatives=0.2)["probabilities"] == said(calibrated)["probabilities"]


def test_a_share_of_negatives_is_an_error_where_the_extractor_was_not_calibrated_for_one(extractor):
    with pytest.raises(UserError, match="calibrated without examples of a negative label"):
        said(extractor, negatives=0.8)


def test_what_is_read_in_one_pass_is_what_the_model_and_its_head_give(extractor):
    found = read(replace(extractor, learnt=states_of(extractor, SEEDS)), ITEMS)
    rows = answer(extractor, ITEMS).probabilities
    np.testing.assert_allclose(Decision().probabilities(found.logits, 2), rows, atol=1e-6)
    cosines = states_of(extractor, ITEMS) @ states_of(extractor, SEEDS).T
    np.testing.assert_allclose(found.similarities, cosines.max(1), atol=1e-5)
    np.testing.assert_allclose(found.similarities[2:], 1, atol=1e-5)  # the seeds themselves


# Like nothing in training


def test_an_item_like_those_of_training_has_no_mark(extractor):
    known = deciding(extractor, states_of(extractor, SEEDS), least_similarity=0.999)
    assert "unlike" not in said(known, SEEDS[0])


def test_an_item_that_is_far_from_all_that_was_learnt_is_marked_with_its_similarity(extractor):
    known = deciding(extractor, states_of(extractor, SEEDS), least_similarity=1.01)
    [note] = said(known)["unlike"]
    near = read(known, [ITEM]).similarities[0]
    assert note == (
        f"its similarity to the nearest training example is {near:.3f}, "
        "that of nearly all held-out examples at least 1.010"
    )


def typed(head: str | None, tail: str | None) -> Sentence:
    types = {"head": ITEM.head.model_copy(update={"type": head}), "tail": ITEM.tail.model_copy(update={"type": tail})}
    return ITEM.model_copy(update=types)


def test_an_item_with_types_that_no_label_allows_is_marked(extractor):
    assert said(extractor, typed("BOAT", "PERSON")).get("unlike") is None  # boat:built_in takes any tail
    assert said(extractor, typed("PERSON", "PERSON"))["unlike"] == ["no relation has the types PERSON -> PERSON"]
    assert said(extractor, typed(None, "PERSON")).get("unlike") is None


def test_an_item_of_tokens_that_the_encoder_lacks_is_marked_with_their_number(extractor):
    few = seed("a", "<e1>Ada</e1> ☃ owns the old and very small boat <e2>Isa</e2>.")
    many = seed("b", "☃ ☃ ☃ <e1>Ada</e1> ☃ ☃ ☃ <e2>Isa</e2>")
    rows = label(extractor, [few, many])
    assert [row.get("unlike") for row in rows] == [None, ["6 of 8 tokens are unknown to the encoder"]]


def test_marks_of_an_earlier_labelling_do_not_stay(extractor):
    again = ITEM.model_copy(update={"unlike": ["an old note"], "page": 7})
    row = said(extractor, again)
    assert "unlike" not in row
    assert row["page"] == 7


# Which extractor


def folder(at: Path, micro_f1: float) -> Path:
    """What is looked at of an extractor to choose it."""
    at.mkdir(parents=True)
    (at / CONFIG).touch()
    (at / "history.json").write_text(
        json.dumps([{"micro_f1": micro_f1, "kept": True}, {"micro_f1": 0.95, "kept": False}]), encoding="utf-8"
    )
    return at


def test_a_folder_that_holds_an_extractor_itself_is_taken(tmp_path):
    own = folder(tmp_path / "gold", 0.5)
    folder(tmp_path / "gold/inner", 0.9)
    assert find_extractor(own) == own


def test_of_several_systems_careful_is_taken_and_of_its_random_seeds_the_best_on_validation(tmp_path):
    folder(tmp_path / "unleash/seed-1", 0.9)
    folder(tmp_path / "careful/seed-1", 0.6)
    best = folder(tmp_path / "careful/seed-2", 0.7)
    folder(tmp_path / "careful/seed-3", 0.5)
    assert find_extractor(tmp_path) == best


def test_without_careful_the_best_on_validation_is_taken(tmp_path):
    folder(tmp_path / "gold/seed-1", 0.6)
    best = folder(tmp_path / "carefully/seed-1", 0.9)
    (tmp_path / "careful").mkdir()
    assert find_extractor(tmp_path) == best


def test_a_folder_without_an_extractor_is_taken_as_it_is(tmp_path):
    assert find_extractor(tmp_path) == tmp_path
