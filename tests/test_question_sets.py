"""Question answering sets, as published and as cut by Lee et al. 2023, on made-up records."""

import json
from pathlib import Path
from typing import Any

import pytest

from relseed.datasets.dataset import read_dataset
from relseed.datasets.questions import hold_out
from relseed.pipeline.errors import UserError
from relseed.records.files import Located
from relseed.tasks.task import load_task
from relseed.tasks.yes_no import AnsweredQuestion
from tests.graph import ROOT
from tests.question_sets import (
    BOOLQ,
    CREAK,
    CUT,
    FILES,
    PUBMEDQA,
    STRATEGYQA,
    TASKS,
    example,
    ids,
    problem,
    read,
    write,
    write_cut,
)

SHARED = ROOT.parent / "shared/data/qa"


def test_a_question_of_boolq_has_passage_and_title(tmp_path: Path) -> None:
    assert example(write(tmp_path, "boolq"), "boolq", "train-2") == {"id": "train-2", **BOOLQ[1]}


def test_a_claim_of_creak_is_the_question_word_for_word(tmp_path: Path) -> None:
    assert example(write(tmp_path, "creak"), "creak", "train_1") == {
        "id": "train_1",
        "question": "Ropes are made of glass.",
        "answer": False,
        "entity": "Rope",
        "explanation": "Anyone can see it.",
    }


def test_a_question_of_strategyqa_has_all_of_its_record_but_the_evidence(tmp_path: Path) -> None:
    fields = {name: value for name, value in STRATEGYQA[1].items() if name not in ("qid", "evidence")}
    assert example(write(tmp_path, "strategyqa"), "strategyqa", "a2") == {"id": "a2", **fields}


def test_the_contexts_of_a_question_of_pubmedqa_are_its_passage(tmp_path: Path) -> None:
    assert example(write(tmp_path, "pubmedqa"), "pubmedqa", "101") == {
        "id": "101",
        "question": "Does humming help sleep?",
        "passage": "Nine hummed. All slept.",
        "answer": True,
        "decision": "yes",
    }


@pytest.mark.parametrize(("name", "answer"), [("101", True), ("102", False), ("104", False)])
def test_only_the_decision_yes_of_pubmedqa_counts_as_true(tmp_path: Path, name: str, answer: bool) -> None:
    assert example(write(tmp_path, "pubmedqa"), "pubmedqa", name)["answer"] is answer


@pytest.mark.parametrize(
    ("form", "validation", "test"),
    [
        ("boolq", ["train-3"], ["dev-1"]),
        ("creak", ["train_1"], ["dev_0"]),
        ("strategyqa", ["a2"], ["b1"]),
        ("pubmedqa", ["101"], ["104", "105"]),
        ("piqa", ["train-3"], ["valid-1"]),
        ("winogrande", ["A-1", "A-2"], ["C-1"]),
        ("commonsenseqa", ["c4"], ["d1"]),
        ("riddlesense", ["r1"], ["r5"]),
    ],
)
def test_validation_is_cut_from_what_is_no_test(
    tmp_path: Path, form: str, validation: list[str], test: list[str]
) -> None:
    found = ids(write(tmp_path, form), form)
    assert (found["validation"], found["test"]) == (validation, test)
    assert not {*found["train"]} & {*validation, *test}
    assert len(found["train"]) == 5 - len(validation) - len(test)


def examples(count: int) -> list[Located]:
    numbered = [(AnsweredQuestion(id=f"q-{number}", question="Why?", answer=True), number) for number in range(count)]
    return [Located(question, Path("train.jsonl"), number) for question, number in numbered]


def test_a_tenth_is_held_out_and_both_parts_keep_their_order() -> None:
    kept, held = hold_out(Path("train.jsonl"), examples(40))
    assert (len(kept), len(held)) == (36, 4)
    assert [one.place for one in kept] == sorted(one.place for one in kept)
    assert [one.place for one in held] == sorted(one.place for one in held)
    assert {one.place for one in [*kept, *held]} == set(range(40))


def test_what_is_held_out_does_not_depend_on_the_order() -> None:
    _, held = hold_out(Path("train.jsonl"), examples(40))
    _, reversed_order = hold_out(Path("train.jsonl"), examples(40)[::-1])
    assert held == reversed_order[::-1]


def test_examples_of_a_unit_are_held_out_together() -> None:
    _, held = hold_out(Path("train.jsonl"), examples(40), lambda one: one.id[-1])  # ten units of four
    assert len(held) == 4
    assert len({one.example.id[-1] for one in held}) == 1


@pytest.mark.parametrize("form", FILES)
def test_the_notes_say_the_sizes_and_those_of_lee_et_al(tmp_path: Path, form: str) -> None:
    dataset = read(write(tmp_path, form), form)
    sizes = ", ".join(str(len(dataset.splits[split])) for split in ("train", "validation"))
    note = (
        f"train, validation and test have {sizes} and {len(dataset.splits['test'])} examples; Lee et al. 2023 report "
    )
    assert dataset.notes[0].startswith(note)
    assert "validation" in dataset.notes[1]
    assert "lowest SHA-256 of their ids" in dataset.notes[1]
    assert dataset.published


@pytest.mark.parametrize(
    ("form", "name", "licence", "source"),
    [
        ("boolq", "BoolQ", "CC BY-SA 3.0", "Clark et al. 2019"),
        ("creak", "CREAK", "MIT", "Onoe et al. 2021"),
        ("strategyqa", "StrategyQA", "MIT", "Geva et al. 2021"),
        ("pubmedqa", "PubMedQA", "MIT", "Jin et al. 2019"),
        ("piqa", "PIQA", "Academic Free License 3.0", "Bisk et al. 2020"),
        ("winogrande", "WinoGrande", "CC BY", "Sakaguchi et al. 2020"),
        ("commonsenseqa", "CommonsenseQA", "MIT", "Talmor et al. 2019"),
        ("riddlesense", "RiddleSense", "for research, not commercial, no redistribution", "Lin et al. 2021"),
    ],
)
def test_a_set_has_the_licence_that_its_publishers_state(
    tmp_path: Path, form: str, name: str, licence: str, source: str
) -> None:
    dataset = read(write(tmp_path, form), form)
    assert (dataset.name, dataset.licence.partition(" (")[0]) == (name, licence)
    assert dataset.source.startswith(f"{source}, https://")


@pytest.mark.parametrize(("form", "file"), [(form, file) for form, files in FILES.items() for file in files])
def test_a_missing_file_says_where_both_forms_are_published(tmp_path: Path, form: str, file: str) -> None:
    (write(tmp_path, form) / file).unlink()
    said = problem(tmp_path, form)
    assert said.startswith(f"{tmp_path / file}: file not found: ")
    assert "https://github.com/microsoft/llm-data-creation" in said
    assert said.count("https://") == 2


@pytest.mark.parametrize(
    ("form", "file", "second", "place", "says"),
    [
        ("boolq", "dev.jsonl", BOOLQ[0] | {"answer": "no"}, 2, "answer: Input should be a valid boolean: a line has"),
        ("boolq", "train.jsonl", {"question": "is it so"}, 2, "title: Field required; passage: Field required"),
        ("boolq", "train.jsonl", BOOLQ[0] | {"question": ""}, 2, "question: String should have at least 1 character"),
        ("boolq", "train.jsonl", 7, 2, "not a JSON object"),
        ("creak", "train.json", CREAK[1] | {"label": True}, 2, "label: Input should be 'true' or 'false': a line has"),
        ("creak", "dev.json", CREAK[4], 2, "id 'dev_0' was used before (line 1)"),
        (
            "strategyqa",
            "dev.json",
            STRATEGYQA[0] | {"answer": None},
            "record 2 (qid 'a1')",
            "answer: Input should be a valid boolean: a record has",
        ),
        ("strategyqa", "train.json", 7, "record 2 (qid None)", "Input should be a valid dictionary"),
    ],
)
def test_a_record_that_does_not_fit_is_an_error_with_place_and_cure(
    tmp_path: Path, form: str, file: str, second: Any, place: int | str, says: str
) -> None:
    write(tmp_path, form, **{file: [FILES[form][file][0], second]})
    where = f"{tmp_path / file}:{place}: " if isinstance(place, int) else f"{tmp_path / file}: {place}: "
    assert problem(tmp_path, form).startswith(where)
    assert says in problem(tmp_path, form)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"103": PUBMEDQA["103"] | {"final_decision": "perhaps"}}, "id '103': final_decision: Input should be 'yes', "),
        ({"103": PUBMEDQA["103"] | {"CONTEXTS": "Six."}}, "id '103': CONTEXTS: Input should be a valid list"),
        ({"103": None}, "id '103': Input should be a valid dictionary"),
    ],
)
def test_a_record_of_pubmedqa_that_does_not_fit_is_an_error_with_id_and_cure(
    tmp_path: Path, change: dict[str, Any], says: str
) -> None:
    said = problem(write(tmp_path, "pubmedqa", **{"ori_pqal.json": PUBMEDQA | change}), "pubmedqa")
    assert said.startswith(f"{tmp_path / 'ori_pqal.json'}: {says}")
    assert said.endswith("a record has QUESTION, CONTEXTS (a list of texts), and yes, no or maybe as final_decision")


@pytest.mark.parametrize("truth", [{"106": "no"}, {"105": "yes"}])
def test_a_test_set_of_pubmedqa_that_contradicts_its_records_is_an_error(tmp_path: Path, truth: dict[str, str]) -> None:
    [(id, decision)] = truth.items()
    assert problem(write(tmp_path, "pubmedqa", **{"test_ground_truth.json": truth}), "pubmedqa") == (
        f"{tmp_path / 'test_ground_truth.json'}: id '{id}': ori_pqal.json has not this id with '{decision}': "
        "take both of one release"
    )


def test_a_test_set_of_pubmedqa_without_ids_is_an_error(tmp_path: Path) -> None:
    said = problem(write(tmp_path, "pubmedqa", **{"test_ground_truth.json": {}}), "pubmedqa")
    assert said == f"{tmp_path / 'test_ground_truth.json'}: holds no id of the test set"


def test_pubmedqa_with_one_id_that_is_not_tested_is_an_error(tmp_path: Path) -> None:
    truth = {name: PUBMEDQA[name]["final_decision"] for name in ("101", "102", "103", "104")}
    said = problem(write(tmp_path, "pubmedqa", **{"test_ground_truth.json": truth}), "pubmedqa")
    assert said == f"{tmp_path / 'ori_pqal.json'}: has too few examples: train and validation need one each"


def test_records_that_do_not_fit_are_named_at_once_in_both_files(tmp_path: Path) -> None:
    write(tmp_path, "boolq", **{"train.jsonl": [{}, BOOLQ[0], {}], "dev.jsonl": "nothing"})
    places = [line.partition(": ")[0] for line in problem(tmp_path, "boolq").splitlines()]
    assert places == [f"{tmp_path}/train.jsonl:1", f"{tmp_path}/train.jsonl:3", f"{tmp_path}/dev.jsonl:1"]


@pytest.mark.parametrize("form", FILES)
def test_every_set_is_read_as_cut_by_lee_et_al(tmp_path: Path, form: str) -> None:
    dataset = read(write_cut(tmp_path, form), form)
    assert ids(tmp_path, form) == {"train": ["train-1", "train-2"], "validation": ["dev-1"], "test": ["test-1"]}
    assert dataset.source.endswith("as cut by Lee et al. 2023, https://github.com/microsoft/llm-data-creation")
    assert dataset.notes[0].startswith("train, validation and test have 2, 1 and 1 examples; Lee et al. 2023 report ")
    assert not any("SHA-256" in note for note in dataset.notes)


def test_the_context_of_a_cut_line_is_the_passage(tmp_path: Path) -> None:
    assert example(write_cut(tmp_path, "boolq"), "boolq", "train-1") == {
        "id": "train-1",
        "question": "is tin a metal",
        "answer": True,
    }
    assert example(tmp_path, "boolq", "train-2") == {
        "id": "train-2",
        "question": "is fog dry",
        "passage": "Fog is wet.",
        "answer": False,
    }


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"label": "maybe"}, "answer: Input should be a valid boolean"),
        ({"label": None}, "label.bool: Input should be a valid boolean"),
        ({"options": ["yes", "no"]}, "options: ['yes', 'no'] where the label is a truth value, not ['True', 'False']"),
        ({"context": 7}, "context: Input should be a valid string"),
    ],
)
def test_a_cut_line_that_does_not_fit_is_an_error_with_file_and_line(
    tmp_path: Path, change: dict[str, Any], says: str
) -> None:
    said = problem(write_cut(tmp_path, "creak", dev=[CUT["yes_no"][0], CUT["yes_no"][1] | change]), "creak")
    assert said.startswith(f"{tmp_path / 'dev.jsonl'}:2: {says}")


def test_a_cut_whose_first_line_is_broken_is_still_one(tmp_path: Path) -> None:
    said = problem(write_cut(tmp_path, "boolq", train=f"{{\n{json.dumps(CUT['yes_no'][0])}\n"), "boolq")
    assert said.startswith(f"{tmp_path / 'train.jsonl'}:1: not JSON")
    assert len(said.splitlines()) == 1


def test_the_published_test_questions_of_boolq_which_have_no_answers_are_not_read(tmp_path: Path) -> None:
    (write(tmp_path, "boolq") / "test.jsonl").write_text('{"question": "is it so"}\n')
    assert ids(tmp_path, "boolq")["test"] == ["dev-1"]


@pytest.mark.parametrize("form", FILES)
def test_a_set_is_one_of_its_task_alone(tmp_path: Path, form: str) -> None:
    with pytest.raises(UserError, match=f"is a dataset of the task {TASKS[form]}: set `task` to that"):
        read_dataset(write(tmp_path, form), format=form, task=load_task("relation"), domain=None)


@pytest.mark.skipif(not SHARED.exists(), reason="needs the sets that Lee et al. 2023 cut")
@pytest.mark.parametrize(
    ("form", "folder", "sizes"),
    [
        ("boolq", "boolq_closed", [9427, 1635, 1635]),
        ("pubmedqa", "pubmedqa", [450, 50, 500]),
        ("strategyqa", "strategyqa", [2061, 114, 115]),
    ],
)
def test_the_sets_that_lee_et_al_cut_are_read_whole(form: str, folder: str, sizes: list[int]) -> None:
    assert [len(examples) for examples in read(SHARED / folder, form).splits.values()] == sizes
