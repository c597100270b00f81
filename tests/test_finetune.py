"""The stage `finetune`: one extractor per random seed, calibrated by others that learnt from the inside of a fold."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from relseed.classifier.checkpoint import Extractor, load_extractor
from relseed.pipeline.errors import UserError
from relseed.records.files import write_records
from relseed.training.device import device
from relseed.training.loop import Loop
from stages import finetune
from tests.boats import SCHEMA, seed
from tests.graph import PARAMS

FILES = (Path("labels.jsonl"), Path("validation.jsonl"), Path("extractor"))
STEPS = 4


def examples(split: str, per_label: int, method: str | None = None) -> list[Any]:
    """Boats that are owned, and boats of which nothing is said."""
    verbs = {"owner_of": "owns", "no_relation": "saw"}
    return [
        seed(f"{split}-{verb}-{number}", f"<e1>Ada</e1> {verb} the <e2>Isa {number}</e2>.").model_copy(
            update={"relation": label, "method": method}
        )
        for label, verb in verbs.items()
        for number in range(per_label)
    ]


TRAIN = [*examples("train", 4), *examples("written", 2, "m")]


@pytest.fixture(autouse=True)
def place(tmp_path, tiny_encoder, monkeypatch):
    """A folder in which the stage runs; four steps, two random seeds, two folds."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.setenv("DISABLE_MLFLOW_INTEGRATION", "TRUE")
    write_records(FILES[0], SCHEMA.relations)
    write_records(FILES[1], examples("validation", 3))
    write_records(Path("train.jsonl"), TRAIN)
    little = {"max_steps": STEPS, "eval_steps": 2, "batch_size": 4, "seeds": [1, 2], "precision": "fp32"}
    small = PARAMS["systems"]["gold"] | {"train": "train.jsonl", "encoder": str(tiny_encoder), "loss": "factored"}
    settings({"systems": {"small": small}, "finetune": PARAMS["finetune"] | little})


def settings(changes: dict[str, Any]) -> None:
    """Change sections of params.yaml, or write them."""
    path = Path("params.yaml")
    values = yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else PARAMS
    path.write_text(yaml.safe_dump(values | changes), encoding="utf-8")


@pytest.fixture
def trainings(monkeypatch) -> list[dict[str, Any]]:
    """What is trained while the stage runs, in this order."""
    seen: list[dict[str, Any]] = []

    def watched(start, head, config, task, schema, train, validation, **others):
        seen.append({"ids": {example.id for example in train}, "steps": config.max_steps, **others})
        return train_extractor(start, head, config, task, schema, train, validation, **others)

    train_extractor = finetune.train_extractor
    monkeypatch.setattr(finetune, "train_extractor", watched)
    return seen


def trained(number: int = 1) -> Extractor:
    finetune.main("small", *FILES)
    return load_extractor(Path(f"extractor/small/seed-{number}"), device())


def test_every_example_that_calibrates_an_extractor_is_one_that_somebody_did_not_learn_from(trainings):
    fitted_on = trained(2).config.decision.fitted_on
    assert fitted_on == {"real": 3 + 4, "written": 2, "negative real": 3 + 4, "negative written": 2}
    whole, first, second = trainings[3:]
    assert whole["ids"] == first["ids"] | second["ids"] == {example.id for example in TRAIN}
    assert len(load_extractor(Path("extractor/small/seed-2"), device()).learnt) == len(TRAIN)
    assert first["ids"] & second["ids"] == set()  # each of two folds learns from what the other labels


def test_a_fold_s_extractor_is_trained_as_the_whole_is_and_goes_as_often_over_its_part(trainings):
    trained()
    assert [training["steps"] for training in trainings] == [STEPS, STEPS / 2, STEPS / 2] * 2
    assert [training["seed"] for training in trainings] == [1] * 3 + [2] * 3
    assert {training["loss"] for training in trainings} == {"factored"}


def test_without_folds_validation_alone_calibrates(trainings):
    settings({"calibrate": PARAMS["calibrate"] | {"folds": 0}})
    assert sum(trained().config.decision.fitted_on.values()) == 6
    assert len(trainings) == 2


def test_more_folds_than_examples_are_an_error_before_anything_is_trained(trainings):
    settings({"calibrate": PARAMS["calibrate"] | {"folds": 9}})
    with pytest.raises(UserError, match=r"calibrate\.folds is 9"):
        trained()
    assert trainings == []


def test_the_settings_of_the_calibration_are_those_of_the_decision():
    settings({"calibrate": PARAMS["calibrate"] | {"negatives": 0.35}})
    decision = trained().config.decision
    assert (decision.negatives, decision.score) == (0.35, "probability")


def test_an_extractor_keeps_what_it_read_of_each_example_that_it_learnt_from():
    assert trained().learnt.shape[0] == len(TRAIN)


def test_a_system_may_have_steps_of_its_own(trainings):
    values = yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))
    settings({"systems": {"small": values["systems"]["small"] | {"max_steps": 2}}})
    trained()
    assert [training["steps"] for training in trainings] == [2, 1, 1] * 2


def test_the_stage_says_what_each_extractor_decides_by(capsys):
    decision = trained(1).config.decision
    assert (
        f"seed 1: temperature {decision.temperature:.2f}, threshold {decision.threshold:.2f} of probability, "
        "fitted on held-out examples: 7 real, 2 written, 7 negative real, 2 negative written\n"
    ) in capsys.readouterr().out


def test_a_stage_that_is_interrupted_in_a_later_training_does_not_repeat_the_earlier_ones(monkeypatch):
    train_extractor, runs = finetune.train_extractor, []

    def interrupted(*arguments, **others):
        runs.append(1)
        if len(runs) == 5:
            raise KeyboardInterrupt
        return train_extractor(*arguments, **others)

    monkeypatch.setattr(finetune, "train_extractor", interrupted)
    with pytest.raises(KeyboardInterrupt):
        trained()
    assert not Path("extractor/small").exists()
    steps, step = [], Loop.step
    monkeypatch.setattr(Loop, "step", lambda loop, number, loss: steps.append(number) or step(loop, number, loss))
    resumed = trained()
    assert steps == [1, 2] * 2  # both folds of the second random seed alone
    assert not list(Path(".scratch").glob("finetune-*"))
    again = trained()
    assert resumed.config == again.config
    history = [json.loads(Path(f"extractor/small/seed-{n}/history.json").read_text(encoding="utf-8")) for n in (1, 2)]
    assert [[point["step"] for point in each] for each in history] == [[2, 4]] * 2
