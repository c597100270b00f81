"""What answering without reading scores."""

import numpy as np
import pytest

from relseed.evaluation.baselines import baseline_f1, majority, types_only, uniform
from relseed.tasks.relation import TASK, Example, Mention, Relation, Schema
from relseed.tasks.task import load_task

CLASSES = ("owns", "none", "born_in", "made")
SCHEMA = Schema(relations=tuple(Relation(relation=label, definition="", negative=label == "none") for label in CLASSES))


def example(relation: str, head: str | None = None, tail: str | None = None) -> Example:
    marked = Mention(start=0, end=3, type=head), Mention(start=8, end=11, type=tail)
    return Example(id="x", text="Ann met Bob.", relation=relation, head=marked[0], tail=marked[1])


TRAIN = [example("none", "PERSON", "PLACE")] * 5 + [example("born_in", "PERSON", "PLACE")] * 2
TRAIN += [example("owns", "PERSON", "PLACE")] + [example("owns", "FIRM", "FIRM")] * 3


def test_majority_is_the_most_frequent_label_but_never_the_negative_label() -> None:
    assert majority(TRAIN, TRAIN[:3], SCHEMA).tolist() == [0, 0, 0]


def test_a_tie_goes_to_the_label_that_the_schema_names_first() -> None:
    assert majority([example("made"), example("born_in")], TRAIN[:1], SCHEMA).tolist() == [2]


def test_types_only_answers_what_is_most_frequent_between_the_types_and_else_overall() -> None:
    train = [*TRAIN, *[example("made", "FIRM", "PLACE")] * 9]
    sentences = [example("none", "PERSON", "PLACE"), example("none", "FIRM", "FIRM"), example("none", "PLACE", "FIRM")]
    assert types_only(TASK, train, sentences, SCHEMA).tolist() == [2, 0, 3]


def test_types_only_equals_majority_where_there_are_no_types() -> None:
    train = [example(seed.relation) for seed in TRAIN]
    assert types_only(TASK, train, train, SCHEMA).tolist() == majority(train, train, SCHEMA).tolist()


def test_uniform_draws_every_label_equally_often_and_the_same_for_the_same_random_seed() -> None:
    draws = uniform(TASK, TRAIN, SCHEMA, seed=1)
    assert draws.shape == (100, len(TRAIN))
    assert np.bincount(draws.ravel()) / draws.size == pytest.approx([0.25] * 4, abs=0.06)
    assert np.array_equal(draws, uniform(TASK, TRAIN, SCHEMA, seed=1))


def test_the_baselines_score_what_can_be_computed_by_hand() -> None:
    test = [example("born_in", "PERSON", "PLACE"), example("owns", "FIRM", "FIRM"), example("none", "FIRM", "FIRM")]
    found = baseline_f1(TASK, TRAIN, test * 40, SCHEMA, seed=1)
    assert found["majority"] == pytest.approx(2 * 1 / (3 + 2))
    assert found["types_only"] == pytest.approx(2 * 2 / (3 + 2))
    assert found["random"] == pytest.approx(2 * (2 / 4) / (3 * 3 / 4 + 2), abs=0.01)


def test_a_task_that_shows_nothing_before_a_word_is_read_has_no_baseline_of_types() -> None:
    task = load_task("yes_no")
    questions = [
        task.example_type.model_validate({"id": str(number), "question": f"Is it {number}?", "answer": number > 0})
        for number in range(4)
    ]
    found = baseline_f1(task, questions, questions, task.fixed_schema, seed=1)
    assert list(found) == ["majority", "random"]
    assert found["majority"] == 3 / 4
