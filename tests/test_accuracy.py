"""The criterion `accuracy`: verifiers that learnt from the seeds alone, and what they say of accepted examples."""

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from relseed.criteria import accuracy
from relseed.criteria.accuracy import Settings, cross_validated_probabilities
from relseed.criteria.criterion import Scoring
from relseed.datasets.draw import draw
from relseed.pipeline.errors import UserError
from relseed.records.files import read_records, write_records
from relseed.records.scores import ScoredExample
from relseed.tasks.relation import TASK, Example, Schema
from relseed.tasks.relation.tags import untag
from relseed.tasks.task import read_examples, read_schema
from stages import score as stage
from tests.graph import PARAMS, ROOT

GAZETTE = ROOT / "data/gazette"
WHOLE = read_schema(GAZETTE / "relations.jsonl", TASK)
SCHEMA = Schema(relations=WHOLE.relations[:2])
FIRST, SECOND = SCHEMA.labels


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
def settings(tiny_encoder) -> Callable[..., dict[str, Any]]:
    """The entry of params.yaml, with little to do."""
    little = {"reads": str(tiny_encoder), "folds": 2, "max_steps": 2, "eval_steps": 1, "batch_size": 4}
    return lambda **changes: PARAMS["criteria"]["accuracy"] | little | changes


@pytest.fixture
def scoring(settings) -> Callable[..., Scoring]:
    """What is to be scored; `log` gets the metrics."""

    def scoring(log: list | None = None, **changes: Any) -> Scoring:
        logged = [] if log is None else log
        return Scoring(
            Settings(**settings(**changes)), TASK, SCHEMA, SEEDS, EXAMPLES, lambda *metrics: logged.append(metrics)
        )

    return scoring


# Scores


def test_a_score_is_the_mean_probability_of_the_example_s_own_label(scoring, tmp_path):
    chosen = scoring(folds=2)
    each = cross_validated_probabilities(chosen, [tmp_path / "a", tmp_path / "b"])
    np.testing.assert_allclose(each.sum(1), 1, rtol=1e-5)
    found = accuracy.score(chosen)
    assert [result.value for result in found] == [
        row[SCHEMA.labels.index(example.relation)] for example, row in zip(EXAMPLES, each, strict=True)
    ]


def test_where_another_label_is_likelier_a_note_names_it(scoring):
    for example, result in zip(EXAMPLES, accuracy.score(scoring()), strict=True):
        other = SECOND if example.relation == FIRST else FIRST
        if result.value >= 0.5:
            assert result.note is None
        else:
            assert result.note == f"top: {other} p={1 - result.value:.2f}"


def test_verifiers_that_learnt_tell_the_labels_apart(scoring):
    verbs = {FIRST: "likes", SECOND: "hates"}
    examples = [
        Example(
            **dict(untag(f"<e1>Ada</e1> {verb} <e2>Bo</e2>{' now' * n}")) | {"id": f"{verb}-{n}", "relation": label}
        )
        for label, verb in verbs.items()
        for n in range(6)
    ]
    learning = scoring(max_steps=60, eval_steps=10, encoder_lr=3e-3, head_lr=3e-3)
    chosen = replace(learning, seeds=[*examples[:4], *examples[6:10]], examples=[*examples[4:6], *examples[10:]])
    assert all(result.value > 0.9 for result in accuracy.score(chosen))


def test_scores_are_the_same_each_time_and_others_with_another_random_seed(scoring):
    first, again, other = (accuracy.score(scoring(seed=seed)) for seed in (1, 1, 2))
    assert first == again != other


def test_a_criterion_decides_nothing_every_example_has_a_score_from_0_to_1(scoring):
    found = accuracy.score(scoring())
    assert len(found) == len(EXAMPLES)
    assert all(0 <= result.value <= 1 for result in found)


# Verifiers


@pytest.mark.parametrize("head", ["typed_marker", "first_token"])
def test_every_verifier_has_the_head_that_the_entry_names(scoring, monkeypatch, head):
    built = []
    for name in ("typed_marker", "first_token", "genpt"):
        module = import_module(f"relseed.classifier.heads.{name}")
        monkeypatch.setattr(module, "build", counting(module.build, name, built))
    accuracy.score(scoring(head=head, folds=2))
    assert built == [head] * 2


def counting(build: Callable, name: str, built: list[str]) -> Callable:
    def counted(*arguments: Any) -> Any:
        built.append(name)
        return build(*arguments)

    return counted


def test_each_verifier_trains_on_the_seeds_outside_of_its_fold_and_is_chosen_on_those_in_it(scoring, monkeypatch):
    trained = []

    def watched(start, head, config, task, schema, train, validation, **others):
        trained.append(([seed.id for seed in train], [seed.id for seed in validation]))
        return train_extractor(start, head, config, task, schema, train, validation, **others)

    train_extractor = accuracy.train_extractor
    monkeypatch.setattr(accuracy, "train_extractor", watched)
    accuracy.score(scoring(folds=4))
    ids = {seed.id for seed in SEEDS}
    assert sorted(id for _, validation in trained for id in validation) == sorted(ids)  # each seed in one fold
    for train, validation in trained:
        assert {*train, *validation} == ids
        assert not set(train) & set(validation)
        labels = [next(seed.relation for seed in SEEDS if seed.id == id) for id in validation]
        assert sorted(labels) == sorted(SCHEMA.labels)  # one of each label


def test_the_validation_of_each_verifier_is_logged_under_its_fold(scoring):
    logged: list = []
    accuracy.score(scoring(logged, folds=2))
    assert [(list(metrics), step) for metrics, step in logged] == [
        ([f"micro_f1/fold-{fold}"], step) for fold in range(2) for step in (1, 2)
    ]


def test_no_state_of_a_training_is_left(scoring):
    accuracy.score(scoring())
    assert not list(Path(".scratch").glob("score-*"))


def test_more_folds_than_seeds_are_an_error_that_names_the_parameter(scoring):
    with pytest.raises(UserError, match=r"accuracy\.folds is 9, \w+ has 4 seeds: lower it, or draw more"):
        accuracy.score(scoring(folds=9))


def test_a_head_that_is_not_there_is_an_error_that_lists_those_that_are(scoring):
    with pytest.raises(UserError, match="no head 'typed': there are choice, first_token, genpt, typed_marker"):
        accuracy.score(scoring(head="typed"))


# The stage


@pytest.fixture
def run(settings) -> Callable[..., list[ScoredExample]]:
    """Runs the stage over what two methods wrote, and gives the lines that it wrote."""
    write_records(Path("labels.jsonl"), SCHEMA.relations)
    write_records(Path("seeds.jsonl"), SEEDS)
    write_records(Path("accepted/tuned.jsonl"), EXAMPLES[:4])
    write_records(Path("accepted/one_by_one.jsonl"), EXAMPLES[4:])

    def run(methods: tuple[str, ...] = ("one_by_one", "tuned"), criterion: str = "accuracy") -> list[ScoredExample]:
        params = {"criteria": {"accuracy": settings(methods=methods)}}
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


def test_a_method_of_which_nothing_was_accepted_has_no_lines(run):
    Path("accepted/tuned.jsonl").write_text("", encoding="utf-8")
    assert len(run()) == 2


def test_a_method_that_the_entry_does_not_name_is_not_scored(run):
    assert {line.example["method"] for line in run(methods=("tuned",))} == {"tuned"}


def test_a_criterion_that_is_not_there_is_an_error_that_lists_those_that_are(run):
    with pytest.raises(UserError, match="no criterion 'beauty': there are accuracy"):
        run(criterion="beauty")
