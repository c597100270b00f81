"""The criterion `accuracy`: what verifiers say of accepted examples."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from relseed.classifier.checkpoint import Extractor
from relseed.classifier.inference import answer
from relseed.classifier.training import new_extractor
from relseed.criteria import accuracy
from relseed.criteria.accuracy import Settings, Verifiers
from relseed.criteria.criterion import Scoring
from relseed.datasets.draw import draw
from relseed.pipeline.errors import UserError
from relseed.records.files import DataError, read_records, write_records
from relseed.records.scores import ScoredExample
from relseed.tasks.relation import TASK, Example, Schema
from relseed.tasks.task import read_examples, read_schema
from relseed.training.device import seed_everything
from stages import score as stage
from tests.extractors import CONFIG, saved
from tests.graph import PARAMS, ROOT

GAZETTE = ROOT / "data/gazette"
WHOLE = read_schema(GAZETTE / "relations.jsonl", TASK)
SCHEMA = Schema(relations=WHOLE.relations[:2])
FIRST, SECOND = SCHEMA.labels
VERIFIERS = Path("verifiers")


def of_two_relations(split: str) -> list[Example]:
    examples = read_examples(GAZETTE / f"{split}.jsonl", TASK, WHOLE)
    return [example for example in examples if example.relation in SCHEMA.labels]


SEEDS = draw(of_two_relations("train"), shots=4, seed=1)
# As if a method had written them.
EXAMPLES = [example.model_copy(update={"method": "tuned"}) for example in of_two_relations("validation")[:6]]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.setenv("DISABLE_MLFLOW_INTEGRATION", "TRUE")


@pytest.fixture
def verifier(tiny_encoder) -> Callable[..., Extractor]:
    """A verifier that has learnt nothing: another one for another random seed."""

    def verifier(seed: int, schema: Schema = SCHEMA) -> Extractor:
        seed_everything(seed)
        return new_extractor(str(tiny_encoder), "typed_marker", CONFIG, TASK, schema, SEEDS)

    return verifier


@pytest.fixture
def scoring(verifier) -> Scoring:
    """What is to be scored, by two verifiers."""
    for fold in range(2):
        saved(verifier(fold), VERIFIERS / f"fold-{fold}")
    settings = Settings(reads=str(VERIFIERS), methods=("tuned",))
    return Scoring(settings, TASK, SCHEMA, SEEDS)


def probabilities() -> np.ndarray:
    return Verifiers(VERIFIERS, SCHEMA.labels).probabilities(EXAMPLES)


# Scores


def test_probabilities_are_the_mean_of_those_that_the_verifiers_had_in_memory(scoring, verifier):
    each = [answer(verifier(fold), EXAMPLES).probabilities for fold in range(2)]
    np.testing.assert_array_equal(probabilities(), (each[0].astype(np.float64) + each[1]) / 2)
    assert not np.allclose(each[0], each[1])


def test_a_score_is_the_probability_of_the_example_s_own_label(scoring):
    each = probabilities()
    np.testing.assert_allclose(each.sum(1), 1, rtol=1e-5)
    assert [result.value for result in accuracy.scorer(scoring)(EXAMPLES)] == [
        row[SCHEMA.labels.index(example.relation)] for example, row in zip(EXAMPLES, each, strict=True)
    ]


def test_where_another_label_is_likelier_a_note_names_it(scoring):
    for example, result in zip(EXAMPLES, accuracy.scorer(scoring)(EXAMPLES), strict=True):
        other = SECOND if example.relation == FIRST else FIRST
        if result.value >= 0.5:
            assert result.note is None
        else:
            assert result.note == f"top: {other} p={1 - result.value:.2f}"


def test_a_criterion_decides_nothing_every_example_has_a_score_from_0_to_1(scoring):
    found = accuracy.scorer(scoring)(EXAMPLES)
    assert len(found) == len(EXAMPLES)
    assert all(0 <= result.value <= 1 for result in found)


def test_of_no_examples_there_are_no_scores(scoring):
    assert accuracy.scorer(scoring)([]) == []


# Verifiers


def test_verifiers_that_are_not_there_are_an_error_with_the_cure(scoring):
    shutil.rmtree(VERIFIERS)
    with pytest.raises(UserError, match=r"^verifiers holds no verifiers: build them with `dvc repro verifiers`"):
        accuracy.scorer(scoring)


def test_verifiers_of_other_labels_are_an_error_with_the_cure(scoring):
    with pytest.raises(UserError, match=r"fold-0 knows other labels than the dataset: .*`dvc repro verifiers`"):
        accuracy.scorer(replace(scoring, schema=WHOLE))


def test_a_verifier_whose_weights_were_not_pulled_is_an_error_with_the_cure(scoring):
    (VERIFIERS / "fold-1/model.safetensors").unlink()
    with pytest.raises(UserError, match=r"fold-1 holds no weights: pull them \(`dvc pull verifiers"):
        accuracy.scorer(scoring)


# The stage


@pytest.fixture
def run(scoring) -> Callable[..., list[ScoredExample]]:
    """Runs the stage over what two methods wrote, and gives the lines that it wrote."""
    write_records(Path("labels.jsonl"), SCHEMA.relations)
    write_records(Path("seeds.jsonl"), SEEDS)
    write_records(Path("accepted/tuned.jsonl"), EXAMPLES[:4])
    write_records(Path("accepted/one_by_one.jsonl"), EXAMPLES[4:])

    def run(methods: tuple[str, ...] = ("one_by_one", "tuned"), criterion: str = "accuracy") -> list[ScoredExample]:
        params: dict[str, Any] = {"criteria": {"accuracy": {"reads": str(VERIFIERS), "methods": methods}}}
        Path("params.yaml").write_text(yaml.safe_dump(PARAMS | params, sort_keys=False), encoding="utf-8")
        files = {"labels": Path("labels.jsonl"), "seeds": Path("seeds.jsonl"), "scores": Path("scores")}
        stage.main(criterion, accepted=Path("accepted"), **files)
        return [line for _, line in read_records(Path("scores/accuracy.jsonl"), ScoredExample)]

    return run


def test_the_stage_scores_what_the_methods_of_its_entry_wrote_in_their_order_and_keeps_the_examples_as_they_are(run):
    lines = run()
    assert [line.example for line in lines] == [
        example.model_dump(exclude_unset=True) for example in (*EXAMPLES[4:], *EXAMPLES[:4])
    ]
    assert all(line.score == round(line.score, 6) for line in lines)


def test_the_stage_says_how_many_it_scored_and_their_mean(run, capsys):
    scores = [line.score for line in run()]
    assert capsys.readouterr().out.endswith(f"6 examples, mean score {np.mean(scores):.3f}\n")


def test_other_verifiers_in_the_same_folder_have_everything_scored_again(run, verifier):
    first, again = run(), run()
    shutil.rmtree(VERIFIERS / "fold-1")
    saved(verifier(7), VERIFIERS / "fold-1")
    assert [line.score for line in first] == [line.score for line in again]
    assert not {line.score for line in first} & {line.score for line in run()}


def test_examples_that_are_scored_part_by_part_have_the_same_scores_in_the_same_order(run, monkeypatch):
    at_once = run()
    shutil.rmtree(".scratch")
    monkeypatch.setattr(stage, "_AT_ONCE", 4)
    parts = run()
    assert [line.example for line in parts] == [line.example for line in at_once]
    assert [line.score for line in parts] == pytest.approx([line.score for line in at_once], abs=2e-6)


def test_a_wrong_line_among_the_accepted_is_an_error_and_leaves_no_scores(run):
    with Path("accepted/tuned.jsonl").open("a", encoding="utf-8") as file:
        file.write("[]\n")
    with pytest.raises(DataError, match=r"accepted/tuned\.jsonl:5: not a JSON object"):
        run()
    assert not list(Path("scores").glob("*"))


def test_a_method_of_which_nothing_was_accepted_has_no_lines(run):
    Path("accepted/tuned.jsonl").write_text("", encoding="utf-8")
    assert len(run()) == 2


def test_a_method_that_the_entry_does_not_name_is_not_scored(run):
    assert {line.example["method"] for line in run(methods=("tuned",))} == {"tuned"}


def test_a_criterion_that_is_not_there_is_an_error_that_lists_those_that_are(run):
    with pytest.raises(UserError, match="no criterion 'beauty': there are accuracy"):
        run(criterion="beauty")
