"""What an extractor got wrong, beside the training examples nearest to it."""

import numpy as np
import pytest

from relseed.evaluation.errors import Labelling, errors_of
from relseed.evaluation.record import TestError
from relseed.tasks.relation import TASK, Example
from tests.evaluations import accepted

LABELS = ("brews", "mends", "none")
TEST = [
    accepted("<e1>Ida</e1> brewed <e2>tea</e2>.", 1, ("PERSON", "DRINK"), method=None),
    accepted("<e1>Ole</e1> mends <e2>cups</e2>.", 2, method=None, relation="mends"),
    accepted("<e1>Ole</e1> saw <e2>Ida</e2>.", 3, method=None, relation="none"),
]
PROBABILITIES = np.array([[0.2, 0.7, 0.1], [0.1, 0.8, 0.1], [0.123456, 0.5, 0.376544]])
SEED = accepted("<e1>Runa</e1> brews <e2>cocoa</e2>.", 4, ("PERSON", "DRINK"), method=None)
WRITTEN = [accepted(f"<e1>Sol</e1> mends <e2>cup {number}</e2>.", number, relation="mends") for number in range(5, 9)]
TRAIN: list[Example] = [SEED, *WRITTEN]


@pytest.fixture
def found() -> list[TestError]:
    labelling = Labelling(7, PROBABILITIES, PROBABILITIES.argmax(-1))
    wrong = labelling.wrong(LABELS, TEST)
    alike = np.array([[0.1, 0.5, 0.9, 0.5, 0.3], [0.99999, -0.5, 0.0, 0.0, 0.0]])
    return errors_of(TASK, LABELS, labelling, wrong, TEST, TRAIN, alike)


def test_only_the_test_examples_whose_answer_is_wrong_are_errors(found: list[TestError]) -> None:
    assert [error.id for error in found] == [TEST[0].id, TEST[2].id]


def test_an_error_says_which_label_is_right_which_was_predicted_and_how_probable_each_was(
    found: list[TestError],
) -> None:
    assert [(error.seed, error.label, error.predicted) for error in found] == [
        (7, "brews", "mends"),
        (7, "none", "mends"),
    ]
    assert [(error.probability, error.label_probability) for error in found] == [(0.7, 0.2), (0.5, 0.3765)]


def test_an_error_holds_the_example_as_people_read_it(found: list[TestError]) -> None:
    assert found[0].segments[1:4] == (("Ida", "head", "PERSON"), (" brewed ", None, None), ("tea", "tail", "DRINK"))


def test_the_three_nearest_training_examples_come_with_it_the_earlier_of_equals_first(found: list[TestError]) -> None:
    first, second = found
    assert [(near.id, near.similarity) for near in first.nearest] == [
        (WRITTEN[1].id, 0.9),
        (WRITTEN[0].id, 0.5),
        (WRITTEN[2].id, 0.5),
    ]
    assert [near.id for near in second.nearest] == [SEED.id, WRITTEN[1].id, WRITTEN[2].id]


def test_a_training_example_says_whether_it_is_a_seed_or_which_method_wrote_it(found: list[TestError]) -> None:
    nearest = found[1].nearest
    assert [(near.origin, near.label) for near in nearest[:2]] == [("seed", "brews"), ("all_at_once", "mends")]
    assert nearest[0].segments[1] == ("Runa", "head", "PERSON")


def test_below_the_threshold_the_answer_is_the_negative_label_with_its_own_probability() -> None:
    labelling = Labelling(1, PROBABILITIES, np.array([2, 1, 2]))
    assert labelling.wrong(LABELS, TEST) == [0]
    [error] = errors_of(TASK, LABELS, labelling, [0], TEST, TRAIN, np.zeros((1, len(TRAIN))))
    assert (error.predicted, error.probability, error.label_probability) == ("none", 0.1, 0.2)


def test_where_all_is_right_there_is_no_error() -> None:
    labelling = Labelling(1, np.eye(3), np.arange(3))
    assert labelling.wrong(LABELS, TEST) == []
    assert errors_of(TASK, LABELS, labelling, [], TEST, TRAIN, np.empty((0, len(TRAIN)))) == []


def test_a_training_set_of_two_examples_gives_two() -> None:
    [error] = errors_of(
        TASK,
        LABELS,
        Labelling(1, PROBABILITIES, PROBABILITIES.argmax(-1)),
        [0],
        TEST,
        TRAIN[:2],
        np.array([[0.1, 0.2]]),
    )
    assert [near.id for near in error.nearest] == [WRITTEN[0].id, SEED.id]
