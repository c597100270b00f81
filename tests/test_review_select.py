"""Decisions of people as `select` applies them before it counts: what enters a training set, what its card says."""

import json
from pathlib import Path

import pytest

from relseed.records.files import DataError, write_records
from relseed.records.reviews import Decision, hash_of
from relseed.tasks.relation import TASK, Example, Relation
from relseed.tasks.yes_no import TASK as YES_NO
from tests.training_sets import RELATIONS, card, example, ids, prepare, run

KEPT, DROPPED, WRONG = (example("owns", number) for number in range(3))
OTHER = example("rows", 3)
ACCEPTED = [KEPT, DROPPED, WRONG, OTHER]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.setenv("DISABLE_MLFLOW_INTEGRATION", "TRUE")
    monkeypatch.chdir(tmp_path)


def decision(of: Example, words: str) -> Decision:
    kind, _, label = words.partition(" ")
    hash = hash_of(of.label, TASK.segments(of))
    return Decision(id=of.id, decision=kind, label=label or None, note="", hash=hash)


def review(*decided: tuple[Example, str]) -> None:
    """Write the decisions about examples, by method."""
    for method in {of.method for of, _ in decided}:
        lines = [decision(of, words) for of, words in decided if of.method == method]
        write_records(Path(f"reviews/{method}.jsonl"), lines)


def labels() -> dict[str, str]:
    """The label of each example in the training set, by id."""
    lines = Path("training/crew.jsonl").read_text(encoding="utf-8").splitlines()
    return {line["id"]: line["relation"] for line in map(json.loads, lines)}


def said(capsys: pytest.CaptureFixture[str]) -> list[str]:
    run()
    return capsys.readouterr().out.splitlines()


# What enters


def test_a_dropped_example_does_not_enter_and_one_that_nobody_reviewed_does():
    prepare(*ACCEPTED)
    review((KEPT, "keep"), (DROPPED, "drop"))
    run()
    assert ids() == [KEPT.id, WRONG.id, OTHER.id]


def test_a_relabelled_example_enters_under_its_new_label_and_is_otherwise_as_it_was():
    prepare(*ACCEPTED)
    review((WRONG, "relabel rows"))
    run()
    lines = Path("training/crew.jsonl").read_text(encoding="utf-8").splitlines()
    assert WRONG.model_dump(exclude_unset=True) | {"relation": "rows"} in map(json.loads, lines)
    assert list(labels()) == [KEPT.id, DROPPED.id, WRONG.id, OTHER.id]


def test_decisions_come_before_examples_are_counted():
    prepare(*ACCEPTED, per_label=1)
    review((KEPT, "drop"), (DROPPED, "relabel none"))
    run()
    assert labels() == {WRONG.id: "owns", OTHER.id: "rows", DROPPED.id: "none"}


def test_an_example_whose_types_do_not_allow_the_new_label_does_not_enter_and_that_is_said(capsys):
    prepare(*ACCEPTED)
    typed = Relation(relation="built_in", head_type="BOAT", definition="the head was built in the tail")
    write_records(Path("relations.jsonl"), [*RELATIONS, typed])
    review((KEPT, "relabel built_in"), (DROPPED, "relabel sails"))
    first, second, third, *_ = said(capsys)
    assert ids() == [WRONG.id, OTHER.id]
    assert first == "all_at_once: people reviewed 2, dropped 2, relabelled 0"
    assert second.startswith(f"{KEPT.id} is dropped, it cannot be relabelled: built_in asks for BOAT -> any")
    assert third.startswith(f"{DROPPED.id} is dropped, it cannot be relabelled: unknown label 'sails'")


def test_the_decision_of_a_person_stands_above_a_score():
    scores = {"accuracy": [0.1, 0.1, 0.1, 0.1]}
    prepare(*ACCEPTED, scores=scores, at_least={"all_at_once": {"accuracy": 0.7}})
    review((KEPT, "keep"), (DROPPED, "drop"), (WRONG, "relabel rows"))
    run()
    assert labels() == {KEPT.id: "owns", WRONG.id: "rows"}


def test_the_decisions_about_each_method_are_in_a_file_of_its_own():
    other = example("owns", 7, "one_by_one")
    prepare(KEPT, other)
    review((KEPT, "drop"), (other, "keep"))
    run()
    assert ids() == [other.id]


def test_a_second_run_with_decisions_writes_the_same():
    prepare(*ACCEPTED)
    review((WRONG, "relabel rows"), (KEPT, "keep"))
    run()
    first = Path("training/crew.jsonl").read_bytes()
    run()
    assert Path("training/crew.jsonl").read_bytes() == first


# Negatives


def near(number: int, label: str = "owns") -> Example:
    """A near-miss of a label, by the method `negatives`."""
    made = example("none", number, "negatives")
    return made.model_copy(update={"id": f"negatives/near/{label}/0/{number}"})


def test_a_negative_that_states_something_after_all_counts_for_its_label_and_for_no_negative():
    missed = [near(number) for number in range(20, 23)]
    wanted = {"negatives": {"near": 2}}
    prepare(OTHER, *missed, methods=["all_at_once"], negatives=wanted)
    review((missed[0], "relabel owns"))
    run()
    assert labels() == {missed[0].id: "owns", OTHER.id: "rows", missed[1].id: "none", missed[2].id: "none"}


def test_a_dropped_negative_makes_room_for_the_next():
    missed = [near(number) for number in range(20, 23)]
    prepare(OTHER, *missed, methods=["all_at_once"], negatives={"negatives": {"near": 2}})
    review((missed[0], "drop"))
    run()
    assert ids() == [OTHER.id, missed[1].id, missed[2].id]


# Decisions that are about nothing


def test_a_decision_about_an_example_that_is_no_longer_there_is_said_and_harms_nothing(capsys):
    prepare(*ACCEPTED)
    gone = [example("owns", number) for number in range(50, 55)]
    review(*((of, "drop") for of in gone))
    assert said(capsys)[0] == (
        "all_at_once: decisions not applied, as their examples are no longer there or have changed: "
        f"5 ({gone[0].id}, {gone[1].id}, {gone[2].id}, ...); review the new ones"
    )
    assert len(ids()) == len(ACCEPTED)


@pytest.mark.parametrize("words", ["drop", "relabel rows"])
def test_a_decision_about_another_text_is_not_applied(capsys, words):
    changed = KEPT.model_copy(update={"text": KEPT.text.replace("Old0", "New0")})
    prepare(changed)
    review((KEPT, words))
    assert f"have changed: 1 ({KEPT.id}); review the new ones" in said(capsys)[0]
    assert labels() == {KEPT.id: "owns"}


def test_a_decision_about_other_types_of_the_mentions_is_not_applied():
    prepare(KEPT.model_copy(update={"head": KEPT.head.model_copy(update={"type": "BOAT"})}))
    review((KEPT, "drop"))
    run()
    assert ids() == [KEPT.id]


def test_a_file_that_holds_no_decisions_is_an_error_with_file_and_line():
    prepare(*ACCEPTED)
    Path("reviews").mkdir()
    Path("reviews/all_at_once.jsonl").write_text('{"id": "x"}\n', encoding="utf-8")
    with pytest.raises(DataError, match=r"^reviews/all_at_once\.jsonl:1: decision: Field required"):
        run()


# What is said of them


def test_the_log_says_how_many_were_reviewed_dropped_and_relabelled(capsys):
    prepare(*ACCEPTED)
    review((KEPT, "keep"), (DROPPED, "drop"), (WRONG, "relabel rows"))
    assert said(capsys)[:2] == [
        "all_at_once: people reviewed 3, dropped 1, relabelled 1",
        "3 written examples of 2 labels",
    ]


def test_the_card_says_of_each_method_how_many_were_reviewed_dropped_and_relabelled():
    others = [example("owns", 7, "one_by_one"), example("owns", 8, "tuned")]
    prepare(*ACCEPTED, *others)
    review((KEPT, "keep"), (DROPPED, "drop"), (WRONG, "relabel rows"), (others[0], "drop"))
    run()
    assert "\n\n| method | reviewed by people | dropped | relabelled |\n|---|--:|--:|--:|\n" in card()
    assert "\n| `all_at_once` | 3 | 1 | 1 |\n| `one_by_one` | 1 | 1 | 0 |\n\n" in card()
    assert "People reviewed some of the written ones" in card()
    assert "No human has labelled the written ones." not in card()


def test_a_card_counts_what_was_accepted_whatever_people_dropped():
    prepare(*ACCEPTED)
    review((KEPT, "drop"))
    run()
    assert "| `all_at_once` | all_at_once | `teacher` | 4 | – | 3 |" in card()


def test_the_card_of_a_set_that_nobody_reviewed_says_so_and_has_no_table_of_reviews():
    prepare(*ACCEPTED)
    run()
    assert "that language models wrote and relseed checked. No human has labelled the written ones.\n" in card()
    assert "reviewed" not in card()


# Another task


def test_a_question_is_relabelled_by_its_answer():
    question = YES_NO.example_type(id="q", question="Is it tea?", answer=True)
    other = YES_NO.relabelled(question, "false")
    assert (other.answer, other.label, other.question) == (False, "false", "Is it tea?")
    assert YES_NO.relabelled(other, "true") == question
