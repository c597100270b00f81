"""The stage `verifiers`: extractors that learn from the seeds outside of a fold, one for each fold."""

from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import yaml

from relseed.classifier.checkpoint import Extractor, load_extractor
from relseed.classifier.inference import answer
from relseed.pipeline.errors import UserError
from relseed.records.files import read_json, write_records
from relseed.training.device import device
from relseed.training.loop import Loop
from stages import verifiers as stage
from tests.boats import SCHEMA, seed
from tests.graph import PARAMS

LABELS, SEEDS, VERIFIERS = Path("labels.jsonl"), Path("seeds.jsonl"), Path("verifiers")
VERBS = {"owner_of": "owns", "no_relation": "saw"}


def boats(first: int, last: int) -> list[Any]:
    """Boats that are owned, and boats of which nothing is said."""
    return [
        seed(f"{verb}-{n}", f"<e1>Ada</e1> {verb} the <e2>Isa {n}</e2>.").model_copy(update={"relation": label})
        for label, verb in VERBS.items()
        for n in range(first, last)
    ]


LEARNT, NEW = boats(0, 4), boats(4, 8)
LABEL = {example.id: example.relation for example in LEARNT}


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """A folder in which the stage runs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.setenv("DISABLE_MLFLOW_INTEGRATION", "TRUE")
    write_records(LABELS, SCHEMA.relations)
    write_records(SEEDS, LEARNT)


@pytest.fixture
def train(tiny_encoder) -> Callable[..., list[Path]]:
    """Runs the stage with little to do, and gives the folders of the verifiers."""
    little = {"encoder": str(tiny_encoder), "folds": 2, "max_steps": 2, "eval_steps": 1, "batch_size": 4}

    def train(**changes: Any) -> list[Path]:
        params = {"verifiers": PARAMS["verifiers"] | little | changes}
        Path("params.yaml").write_text(yaml.safe_dump(PARAMS | params, sort_keys=False), encoding="utf-8")
        stage.main(LABELS, SEEDS, VERIFIERS)
        return sorted(VERIFIERS.iterdir())

    return train


@pytest.fixture
def trained(monkeypatch) -> list[SimpleNamespace]:
    """What the stage trains, in this order."""
    seen: list[SimpleNamespace] = []

    def watched(start, head, config, task, schema, train, validation, **others):
        verifier, history = train_extractor(start, head, config, task, schema, train, validation, **others)
        learnt, chosen = ([example.id for example in part] for part in (train, validation))
        seen.append(SimpleNamespace(learnt=learnt, chosen=chosen, verifier=verifier))
        return verifier, history

    train_extractor = stage.train_extractor
    monkeypatch.setattr(stage, "train_extractor", watched)
    return seen


def loaded(folder: Path) -> Extractor:
    return load_extractor(folder, device())


def contents(folders: list[Path]) -> list[bytes]:
    return [path.read_bytes() for folder in folders for path in sorted(folder.iterdir())]


def test_each_verifier_trains_on_the_seeds_outside_of_its_fold_and_is_chosen_on_those_in_it(train, trained):
    train(folds=4)
    assert sorted(id for each in trained for id in each.chosen) == sorted(LABEL)  # each seed in one fold
    for each in trained:
        assert sorted(each.learnt + each.chosen) == sorted(LABEL)
        assert sorted(LABEL[id] for id in each.chosen) == sorted(VERBS)  # one of each label


def test_there_is_a_folder_for_each_fold_with_an_extractor_and_the_evaluations_of_its_training(train):
    folders = train(folds=3)
    assert [folder.name for folder in folders] == ["fold-0", "fold-1", "fold-2"]
    for folder in folders:
        assert loaded(folder).schema == SCHEMA
        assert [point["step"] for point in read_json(folder / "history.json")] == [1, 2]


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_verifier_answers_from_the_disk_as_it_did_in_memory(train, trained, precision):
    folders = train(precision=precision)
    for folder, each in zip(folders, trained, strict=True):
        before, after = (answer(verifier, NEW).probabilities for verifier in (each.verifier, loaded(folder)))
        np.testing.assert_array_equal(before, after)


def test_verifiers_that_learnt_tell_the_labels_apart(train):
    folders = train(max_steps=60, eval_steps=10, encoder_lr=3e-3, head_lr=3e-3)
    labels = [SCHEMA.labels.index(example.relation) for example in NEW]
    for folder in folders:
        assert answer(loaded(folder), NEW).probabilities[np.arange(len(NEW)), labels].min() > 0.8


@pytest.mark.parametrize("head", ["typed_marker", "first_token"])
def test_every_verifier_has_the_head_that_the_section_names(train, head):
    assert {loaded(folder).config.head for folder in train(head=head)} == {head}


def test_verifiers_have_the_same_bytes_each_time_and_others_with_another_random_seed(train):
    first, again, other = (contents(train(seed=seed)) for seed in (1, 1, 2))
    assert first == again != other


def test_fewer_folds_leave_no_verifier_of_an_earlier_run(train):
    train(folds=4)
    assert len(train(folds=2)) == 2


def test_loss_and_validation_of_each_verifier_are_logged_under_its_fold(train, monkeypatch):
    logged: list[tuple[list[str], int]] = []

    @contextmanager
    def tracked(*_: Any, **__: Any):
        yield SimpleNamespace(log_metrics=lambda metrics, step: logged.append((list(metrics), step)))

    monkeypatch.setattr(stage, "tracked", tracked)
    train()
    assert logged == [
        ([f"loss/fold-{fold}", f"validation_micro_f1/fold-{fold}"], step) for fold in range(2) for step in (1, 2)
    ]


def test_an_interrupted_stage_writes_nothing_and_resumes_to_the_same_bytes(train, monkeypatch):
    whole = contents(train())
    train_extractor, runs = stage.train_extractor, []

    def interrupted(*arguments, **others):
        runs.append(1)
        if len(runs) == 2:
            raise KeyboardInterrupt
        return train_extractor(*arguments, **others)

    monkeypatch.setattr(stage, "train_extractor", interrupted)
    VERIFIERS.rename("earlier")
    with pytest.raises(KeyboardInterrupt):
        train()
    assert not VERIFIERS.exists()
    steps, step = [], Loop.step
    monkeypatch.setattr(Loop, "step", lambda loop, number, loss: steps.append(number) or step(loop, number, loss))
    assert contents(train()) == whole
    assert steps == [1, 2]  # those of the second fold alone
    assert not list(Path(".scratch").glob("verifiers-*"))


def test_more_folds_than_seeds_of_a_label_are_an_error_before_anything_is_trained(train, trained):
    with pytest.raises(UserError, match=r"verifiers\.folds is 9, \w+ has 4 seeds: lower it, or draw more"):
        train(folds=9)
    assert trained == []


def test_a_head_that_is_not_there_is_an_error_that_lists_those_that_are(train):
    with pytest.raises(UserError, match="no head 'typed': there are choice, first_token, genpt, typed_marker"):
        train(head="typed")
