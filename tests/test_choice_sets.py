"""Multiple-choice sets, as published and as cut by Lee et al. 2023, on made-up records."""

from pathlib import Path
from typing import Any

import pytest

from tests.question_sets import (
    COMMONSENSEQA,
    CUT,
    FILES,
    PIQA,
    RIDDLESENSE,
    WINOGRANDE,
    chosen,
    example,
    ids,
    problem,
    read,
    write,
    write_cut,
)


def test_a_goal_of_piqa_has_two_ways_as_options_and_its_answer_from_the_other_file(tmp_path: Path) -> None:
    assert example(write(tmp_path, "piqa"), "piqa", "train-2") == {
        "id": "train-2",
        "question": "keep a door open",
        "options": ("Put a feather there.", "Put a wedge there."),
        "answer": "Put a wedge there.",
    }


@pytest.mark.parametrize(
    ("name", "sentence", "answer"),
    [("A-1", "Ines fed Olav as _ had bread.", "Ines"), ("A-2", "Ines fed Olav as _ had none.", "Olav")],
)
def test_a_sentence_of_winogrande_is_the_question_with_its_blank(
    tmp_path: Path, name: str, sentence: str, answer: str
) -> None:
    found = example(write(tmp_path, "winogrande"), "winogrande", name)
    assert found == {"id": name, "question": sentence, "options": ("Ines", "Olav"), "answer": answer}


def test_a_question_of_commonsenseqa_has_the_concept_that_it_is_about(tmp_path: Path) -> None:
    assert example(write(tmp_path, "commonsenseqa"), "commonsenseqa", "c1") == {
        "id": "c1",
        "question": "Where is a rudder?",
        "options": ("attic", "stern", "oven", "hat", "well"),
        "answer": "stern",
        "concept": "rudder",
    }


def test_a_riddle_of_riddlesense_has_no_concept(tmp_path: Path) -> None:
    assert example(write(tmp_path, "riddlesense"), "riddlesense", "r2") == {
        "id": "r2",
        "question": "I run and have no feet.",
        "options": ("chair", "stone", "bread", "cow", "brook"),
        "answer": "brook",
    }


@pytest.mark.parametrize(("form", "count"), [("piqa", 2), ("winogrande", 2), ("commonsenseqa", 5), ("riddlesense", 5)])
def test_a_set_has_as_many_labels_as_its_questions_have_options(tmp_path: Path, form: str, count: int) -> None:
    assert read(write(tmp_path, form), form).schema.labels == tuple(map(str, range(1, count + 1)))


def test_a_cut_line_has_its_options_and_the_right_one(tmp_path: Path) -> None:
    assert example(write_cut(tmp_path, "piqa"), "piqa", "train-2") == {
        "id": "train-2",
        "question": "How is fog?",
        "passage": "Fog is wet.",
        "options": ("dry", "wet"),
        "answer": "wet",
    }


@pytest.mark.parametrize("size", ["s", "m", "l", "xl"])
def test_the_training_set_of_winogrande_can_have_any_size(tmp_path: Path, size: str) -> None:
    write(tmp_path, "winogrande")
    (tmp_path / "train_xs.jsonl").rename(tmp_path / f"train_{size}.jsonl")
    dataset = read(tmp_path, "winogrande")
    assert f"validation a tenth of train_{size}.jsonl, with the lowest SHA-256 of their ids up to" in dataset.notes[1]


def test_several_training_sets_of_winogrande_are_an_error(tmp_path: Path) -> None:
    write(tmp_path, "winogrande", **{"train_l.jsonl": WINOGRANDE})
    assert problem(tmp_path, "winogrande") == (
        f"{tmp_path}: holds train_xs.jsonl, train_l.jsonl: leave the one to train on, and move the others away"
    )


@pytest.mark.parametrize(
    ("form", "file", "second", "says"),
    [
        ("winogrande", "dev.jsonl", WINOGRANDE[0] | {"answer": ""}, "answer: Input should be '1' or '2': a line has"),
        ("winogrande", "train_xs.jsonl", WINOGRANDE[2] | {"sentence": "It tore."}, "sentence: String should match"),
        ("winogrande", "train_xs.jsonl", {}, "qID: Field required; sentence: Field required"),
        ("commonsenseqa", "dev_rand_split.jsonl", {"id": "c9"}, "question: Field required; answerKey: Field required"),
        (
            "commonsenseqa",
            "train_rand_split.jsonl",
            COMMONSENSEQA[3] | {"answerKey": "F"},
            "answerKey: 'F' is none of the labels A, B, C, D, E: a line has",
        ),
        ("riddlesense", "rs_dev.jsonl", RIDDLESENSE[4], "id 'r5' was used before (line 1)"),
    ],
)
def test_a_line_that_does_not_fit_is_an_error_with_place_and_cure(
    tmp_path: Path, form: str, file: str, second: dict[str, Any], says: str
) -> None:
    said = problem(write(tmp_path, form, **{file: [FILES[form][file][0], second]}), form)
    assert said.startswith(f"{tmp_path / file}:2: {says}")


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        ([0, 1, 2, 0], "train-labels.lst:3: the label of train.jsonl:3 is 2, not 0 or 1"),
        ([0, 1, 0], "train-labels.lst:4: the label of train.jsonl:4 is missing, not 0 or 1"),
        ([0, 1, 0, 1, 1], "train-labels.lst:5: train.jsonl has no such line: take both of one release"),
    ],
)
def test_labels_of_piqa_that_do_not_fit_the_lines_are_errors_with_their_line(
    tmp_path: Path, labels: list[int], says: str
) -> None:
    assert problem(write(tmp_path, "piqa", **{"train-labels.lst": labels}), "piqa") == f"{tmp_path}/{says}"


def test_a_line_of_piqa_that_does_not_fit_is_an_error_beside_wrong_labels(tmp_path: Path) -> None:
    write(tmp_path, "piqa", **{"train.jsonl": [PIQA[0], {"goal": "rest"}, "end"], "train-labels.lst": [5, 1, 1]})
    places = [line.partition(": ")[0] for line in problem(tmp_path, "piqa").splitlines()]
    assert places == [f"{tmp_path}/train-labels.lst:1", f"{tmp_path}/train.jsonl:2", f"{tmp_path}/train.jsonl:3"]


def test_a_cut_label_that_is_no_option_is_an_error(tmp_path: Path) -> None:
    wrong = CUT["multiple_choice"][1] | {"label": "thick"}
    said = problem(write_cut(tmp_path, "riddlesense", dev=[CUT["multiple_choice"][0], wrong]), "riddlesense")
    assert said == f"{tmp_path / 'dev.jsonl'}:2: the answer 'thick' is not among the options dry, wet"


@pytest.mark.parametrize(("key", "answer"), [("A", "Rope"), ("D", "Rope"), ("C", "oar")])
def test_an_option_that_is_there_twice_is_given_once(tmp_path: Path, key: str, answer: str) -> None:
    twice = chosen("d1", "What ties a boat?", key, "Rope", "sail", "oar", "rope ", "mast")
    write(tmp_path, "commonsenseqa", **{"dev_rand_split.jsonl": [twice]})
    found = example(tmp_path, "commonsenseqa", "d1")
    assert (found["options"], found["answer"]) == (("Rope", "sail", "oar", "mast"), answer)
    note = "questions with an option that was there twice, and is given once: 1"
    assert note in read(tmp_path, "commonsenseqa").notes


def test_a_question_whose_options_are_all_the_same_is_left_out_and_counted(tmp_path: Path) -> None:
    same = {"goal": "rest", "sol1": "Sit down.", "sol2": "sit down. "}
    write(tmp_path, "piqa", **{"valid.jsonl": [PIQA[4], same], "valid-labels.lst": [0, 1]})
    assert ids(tmp_path, "piqa")["test"] == ["valid-1"]
    assert "left out because all options are the same, letter case aside: 1" in read(tmp_path, "piqa").notes
