"""A checkpoint: what decides comes back as it was saved, and the card says it, and says the same without relseed."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from relseed.classifier.checkpoint import CONFIG, Extractor, load_extractor
from relseed.classifier.decision import Decision
from relseed.classifier.inference import read, states_of
from relseed.classifier.labelling import label
from relseed.pipeline.errors import UserError
from relseed.pipeline.named import names
from relseed.tasks.relation import TASK
from tests.boats import GOOD, SCHEMA, SEEDS, UNTYPED, seed
from tests.extractors import DECISION, deciding, saved, untrained
from tests.sentences import sentence

CPU = torch.device("cpu")
SHOWN = sentence("Ada Lindqvist grew up in Skagen.", (0, 13, "PERSON"), (25, 31, "LOCATION"))  # by every card


@pytest.fixture
def extractor(tiny_encoder) -> Callable[..., Extractor]:
    """An untrained extractor of boats that decides by `DECISION`, as if it had learnt from the seeds."""

    def extractor(head: str = "typed_marker", loss: str = "softmax", **decision: Any) -> Extractor:
        fresh = untrained(tiny_encoder, head, TASK, SCHEMA, SEEDS, loss)
        return deciding(fresh, states_of(fresh, SEEDS), **DECISION | decision)

    return extractor


def card(folder: Path) -> str:
    return (folder / "README.md").read_text(encoding="utf-8")


def test_a_decision_and_what_was_learnt_come_back_as_they_were_saved(extractor, tmp_path):
    whole = extractor(loss="factored", score="energy")
    loaded = load_extractor(saved(whole, tmp_path / "extractor"), CPU)
    assert loaded.config == whole.config
    assert loaded.config.decision == Decision(**DECISION, score="energy")
    np.testing.assert_allclose(loaded.learnt, whole.learnt, atol=1e-3)
    [found], [expected] = (list(label(each, [SEEDS[0]])) for each in (loaded, whole))
    assert found["probabilities"] == pytest.approx(expected["probabilities"], abs=1e-5)


def test_a_checkpoint_of_before_there_were_decisions_is_an_error_with_the_cure(extractor, tmp_path):
    folder = saved(extractor(), tmp_path / "extractor")
    config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    del config["decision"]
    (folder / CONFIG).write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(UserError, match=r"no complete extractor of this version \('decision'\): build it again"):
        load_extractor(folder, CPU)


def test_an_extractor_whose_weights_were_not_pulled_is_an_error_with_the_cure(extractor, tmp_path):
    folder = saved(extractor(), tmp_path / "extractor")
    (folder / "model.safetensors").unlink()
    with pytest.raises(UserError, match=r"extractor holds no weights: pull them \(`dvc pull "):
        load_extractor(folder, CPU)


# What the card says


def test_the_card_says_what_the_answers_rest_on(extractor, tmp_path):
    text = card(saved(extractor(), tmp_path / "extractor"))
    assert "a temperature of 1.70 and a bias of -0.40 for `no_relation`, and hold where 20 % of the items" in text
    assert "Where its probability is below 0.38, no label is asserted: the answer is `no_relation`." in text
    assert "20 real and 12 written ones that state something, 3 real and 7 written ones that do not" in text


@pytest.mark.parametrize(
    ("score", "words"),
    [("energy", "the energy score"), ("distance", "the similarity to the nearest training example")],
)
def test_the_card_names_what_the_threshold_is_held_against(extractor, tmp_path, score, words):
    assert f"Where {words} is below 0.38" in card(saved(extractor(score=score), tmp_path / "extractor"))


def test_the_card_of_an_extractor_without_a_negative_label_says_that_it_always_asserts(tiny_encoder, tmp_path):
    text = card(saved(deciding(untrained(tiny_encoder, "first_token"), temperature=1.5), tmp_path / "extractor"))
    assert "a temperature of 1.50. The extractor always asserts" in text
    assert "threshold" not in text.split("## Use")[0]


def test_the_card_says_where_no_held_out_example_had_the_negative_label(tiny_encoder, tmp_path):
    causes = [seed("a", GOOD).model_copy(update={"relation": "Cause-Effect(e1,e2)"})]
    extractor = deciding(untrained(tiny_encoder, "typed_marker", TASK, UNTYPED, causes), fitted_on={"real": 4})
    text = card(saved(extractor, tmp_path / "extractor"))
    assert "fitted on 4 held-out examples. How often nothing is stated was not fitted" in text


HELD_OUT = {"negatives_found": 0.7, "recall": 0.8, "calibration_error": 0.04} | {
    f"{score}_at_{share}": value
    for score, values in {"precision": (0.9, 0.8, 0.6, 0.3), "f1": (0.85, 0.8, 0.7, 0.4)}.items()
    for share, value in zip((20, 50, 80, 95), values, strict=True)
}


def test_the_card_tells_scores_on_held_out_examples_and_that_they_are_a_little_too_good(extractor, tmp_path):
    text = card(saved(extractor(held_out=HELD_OUT), tmp_path / "extractor"))
    assert "which is a little too good" in text
    assert "| precision | 90.0 | 80.0 | 60.0 | 30.0 |" in text
    assert "| F1 | 85.0 | 80.0 | 70.0 | 40.0 |" in text
    assert "state nothing 70 are found and 30 are false alarms; of 100 that state something 80 are found" in text
    assert "expected calibration error is 0.040" in text


# What the card's code says


def assert_card_agrees(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """Run the code of the card as it stands; it prints what the loaded extractor says of the same sentence."""
    code = re.search(r"```python\n(.*?)```", card(folder), re.DOTALL)[1]
    assert "relseed" not in code
    with monkeypatch.context() as patch:
        patch.chdir(folder)
        found: dict[str, Any] = {}
        exec(code, found)
    [row] = label(load_extractor(folder, CPU), [SHOWN])
    np.testing.assert_allclose(found["probabilities"].numpy(), list(row["probabilities"].values()), atol=1e-5)
    printed, probability = capsys.readouterr().out.split()
    assert printed == row["predicted"]
    assert float(probability) == pytest.approx(row["probabilities"][printed], abs=1e-5)
    return printed


@pytest.mark.parametrize("loss", names("relseed.classifier.losses"))
def test_the_code_of_the_card_decides_as_the_loss_does(extractor, tmp_path, monkeypatch, capsys, loss):
    assert_card_agrees(saved(extractor(loss=loss), tmp_path / "extractor"), monkeypatch, capsys)


@pytest.mark.parametrize("score", ["probability", "energy", "distance"])
@pytest.mark.parametrize("head", sorted({*names("relseed.classifier.heads")} - {"choice"}))  # see tests/test_choice.py
def test_the_code_of_the_card_answers_with_the_negative_label_below_the_threshold_and_above_it_not(
    extractor, tmp_path, monkeypatch, capsys, head, score
):
    sure = extractor(head, bias=-9.0, score=score)
    found = read(sure, [SHOWN])
    [value] = sure.config.decision.scores(found, sure.config.decision.probabilities(found.logits, 2), 2)
    printed = []
    for name, threshold in (("above", value - 1e-3), ("below", value + 1e-3)):
        decided = extractor(head, bias=-9.0, score=score, threshold=float(threshold))
        printed.append(assert_card_agrees(saved(decided, tmp_path / name), monkeypatch, capsys))
    assert printed[0] != "no_relation" == printed[1]
