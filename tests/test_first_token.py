"""The head over the first token, for any task: what it is shown, training with it, its checkpoint and its card."""

import re
from pathlib import Path

import pytest
import torch

from relseed.classifier.checkpoint import Extractor, load_extractor
from relseed.classifier.heads.first_token import lacking, options, show
from relseed.classifier.inference import answer
from relseed.classifier.labelling import label
from relseed.classifier.training import new_extractor, train_extractor
from relseed.pipeline.errors import UserError
from relseed.tasks.relation import TASK as RELATION
from relseed.tasks.yes_no import TASK as YES_NO
from relseed.tasks.yes_no import AnsweredQuestion, Question
from relseed.training.encoders import EMBEDDED, load_tokenizer
from tests.boats import SCHEMA, SEEDS
from tests.extractors import CONFIG, QUESTIONS, saved, untrained
from tests.sentences import sentence

CPU = torch.device("cpu")
OPEN_BOOK = Question(question="Is water wet?", passage="Water is a liquid, and liquids wet what they touch.")
CLOSED_BOOK = Question(question="Is water wet?")


def predicted(extractor: Extractor, *items: object) -> torch.Tensor:
    return torch.from_numpy(answer(extractor, items).probabilities).float()


def test_a_question_is_shown_with_its_passage_after_it():
    shown = show(YES_NO, OPEN_BOOK, load_tokenizer(EMBEDDED), torch.nn.Identity(), {})
    assert (shown.text, shown.second, shown.anchors) == (OPEN_BOOK.question, OPEN_BOOK.passage, ())


def test_a_sentence_is_shown_with_its_mentions_after_it():
    ada = sentence("In Skive lives Ada.", (15, 18, "PERSON"), (3, 8, "CITY"))
    shown = show(RELATION, ada, load_tokenizer(EMBEDDED), torch.nn.Identity(), {})
    assert (shown.text, shown.second) == ("In Skive lives Ada.", "Ada, Skive")


def test_it_keeps_nothing_of_training_that_items_could_lack():
    assert options(YES_NO, QUESTIONS) == {}
    assert lacking([CLOSED_BOOK], {}) is None


def test_an_extractor_with_this_head_learns_and_is_loaded_as_it_was(tmp_path, tiny_encoder):
    schema = YES_NO.fixed_schema
    config = CONFIG.model_copy(update={"max_steps": 60, "eval_steps": 20, "encoder_lr": 3e-3, "head_lr": 3e-3})
    extractor, _ = train_extractor(
        str(tiny_encoder),
        "first_token",
        config,
        YES_NO,
        schema,
        QUESTIONS,
        QUESTIONS,
        seed=1,
        folder=tmp_path / "state",
        on_eval=lambda point: None,
    )
    loaded = load_extractor(saved(extractor, tmp_path / "extractor"), CPU)
    assert loaded.schema == schema
    assert [row["predicted"] for row in label(loaded, QUESTIONS)] == [question.label for question in QUESTIONS]
    assert torch.equal(predicted(loaded, *QUESTIONS), predicted(extractor, *QUESTIONS))


def test_a_question_is_labelled_the_same_alone_and_among_others_that_have_passages(tiny_encoder):
    extractor = untrained(tiny_encoder, "first_token")
    among = predicted(extractor, OPEN_BOOK, CLOSED_BOOK, OPEN_BOOK)
    assert torch.allclose(among[1], predicted(extractor, CLOSED_BOOK)[0], atol=1e-6)


def test_no_items_get_no_labels(tiny_encoder):
    assert list(label(untrained(tiny_encoder, "first_token"), [])) == []


def test_a_question_that_leaves_its_passage_no_room_is_named(tiny_encoder):
    extractor = untrained(tiny_encoder, "first_token")
    long = AnsweredQuestion(id="boolq-7", question="Is fir " * 40, passage="It is.", answer=True)
    with pytest.raises(UserError, match=r"^example boolq-7: its first text is \d+ tokens too long"):
        extractor.encode_dataset([*QUESTIONS, long])


def test_an_item_without_an_id_is_named_by_its_first_words(tiny_encoder):
    extractor = untrained(tiny_encoder, "first_token")
    with pytest.raises(UserError, match=r"^example 'It is\.\\nIs fir Is fir"):
        extractor.encode([Question(question="Is fir " * 40, passage="It is.")])


def test_a_limit_beyond_what_the_encoder_takes_is_an_error(tiny_encoder):
    config = CONFIG.model_copy(update={"max_length": 513})
    with pytest.raises(UserError, match=r"max_length is 513, .* takes 512 tokens: lower it"):
        new_extractor(str(tiny_encoder), "first_token", config, YES_NO, YES_NO.fixed_schema, QUESTIONS)


@pytest.mark.parametrize("name", ["last_token", "mentions", ""])
def test_a_head_that_does_not_exist_is_an_error_that_names_those_that_do(tiny_encoder, name):
    with pytest.raises(UserError, match=f"no head '{name}': there are choice, first_token, genpt, typed_marker"):
        untrained(tiny_encoder, name)


def card_code(folder: Path) -> str:
    return re.search(r"```python\n(.*?)```", (folder / "README.md").read_text(encoding="utf-8"), re.S)[1]


def run_in(folder: Path, code: str, monkeypatch: pytest.MonkeyPatch) -> torch.Tensor:
    monkeypatch.chdir(folder)
    names: dict = {}
    exec(code, names)
    return names["probabilities"]


def test_the_code_of_its_model_card_agrees_with_it(tmp_path, tiny_encoder, monkeypatch):
    extractor = untrained(tiny_encoder, "first_token")
    folder = saved(extractor, tmp_path / "extractor")
    found = run_in(folder, card_code(folder), monkeypatch)
    assert torch.allclose(found, predicted(load_extractor(folder, CPU), CLOSED_BOOK)[0], atol=1e-5)


def test_the_code_of_its_model_card_agrees_with_it_about_two_texts(tmp_path, tiny_encoder, monkeypatch):
    folder = saved(untrained(tiny_encoder, "first_token"), tmp_path / "extractor")
    code = card_code(folder)
    assert '("Is water wet?",)' in code
    code = code.replace('("Is water wet?",)', f'("Is water wet?", "{OPEN_BOOK.passage}")')
    found = run_in(folder, code, monkeypatch)
    assert torch.allclose(found, predicted(load_extractor(folder, CPU), OPEN_BOOK)[0], atol=1e-5)


def test_the_code_of_its_model_card_agrees_with_it_about_relations(tmp_path, tiny_encoder, monkeypatch):
    folder = saved(untrained(tiny_encoder, "first_token", RELATION, SCHEMA, SEEDS), tmp_path / "extractor")
    found = run_in(folder, card_code(folder), monkeypatch)
    ada = sentence("Ada Lindqvist grew up in Skagen.", (0, 13, "PERSON"), (25, 31, "LOCATION"))
    assert torch.allclose(found, predicted(load_extractor(folder, CPU), ada)[0], atol=1e-5)
