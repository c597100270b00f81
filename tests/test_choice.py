"""The head over options: what it is shown, items with fewer options, training with it, its checkpoint and its card."""

from dataclasses import replace

import pytest
import torch

from relseed.classifier.checkpoint import load_extractor
from relseed.classifier.heads.choice import ChoiceHead, options, show
from relseed.classifier.inference import BATCH_SIZE, answer, read, similarities, states_of
from relseed.classifier.labelling import label
from relseed.classifier.training import train_extractor
from relseed.pipeline.errors import UserError
from relseed.tasks.multiple_choice import TASK, AnsweredQuestion, Question
from relseed.tasks.relation import TASK as RELATION
from relseed.training.encoders import EMBEDDED, load_tokenizer
from tests.boats import SEEDS
from tests.extractors import CONFIG, saved, untrained
from tests.test_first_token import card_code, run_in

CPU = torch.device("cpu")
WORDS = ("tea", "hair", "nails", "bread", "coats", "owls")
QUESTIONS = [
    AnsweredQuestion(
        id=f"q-{number}",
        question=f"Which of these is {word}?",
        options=tuple(WORDS[(number + shift) % 6] for shift in (place, *(1 + n for n in range(2 + number % 2)))),
        answer=word,
    )
    for number, word in enumerate(WORDS)
    for place in (0,)
]
PLAIN = ("tea", "nails")
SCHEMA = TASK.labels_of(TASK.fixed_schema, QUESTIONS)


def test_options_come_after_the_question_and_each_is_read_at_its_first_character():
    shown = show(TASK, QUESTIONS[0], load_tokenizer(EMBEDDED), ChoiceHead(4, 4), {})
    assert (shown.text, shown.second) == (QUESTIONS[0].question, "tea / hair / nails")
    assert [shown.second[place:][:2] for place in shown.anchors] == ["te", "ha", "na"]


def test_a_passage_is_cut_before_a_question_or_an_option_is(tiny_encoder):
    extractor = untrained(tiny_encoder, "choice", TASK, SCHEMA, QUESTIONS)
    long = QUESTIONS[0].model_copy(update={"passage": "It rains. " * 200})
    [encoded] = extractor.encode([long])
    assert len(encoded.ids) <= CONFIG.max_length
    assert len(encoded.positions) == 3


@pytest.mark.parametrize("option", [" nails", "\u200bnails", "\ufeff nails"])
def test_an_option_is_read_where_it_can_be_seen(tiny_encoder, option):
    extractor = untrained(tiny_encoder, "choice", TASK, SCHEMA, QUESTIONS)
    item = Question(question="What grows?", options=("tea", option))
    [encoded], [plain] = (extractor.encode([each]) for each in (item, item.model_copy(update={"options": PLAIN})))
    assert encoded.positions == plain.positions


def test_an_option_that_an_item_does_not_have_is_never_the_answer(tiny_encoder):
    extractor = untrained(tiny_encoder, "choice", TASK, SCHEMA, QUESTIONS)
    probabilities = answer(extractor, QUESTIONS).probabilities
    assert [(row > 0).sum() for row in probabilities] == [len(question.options) for question in QUESTIONS]


def test_an_item_is_labelled_the_same_alone_and_among_others_with_more_options(tiny_encoder):
    extractor = untrained(tiny_encoder, "choice", TASK, SCHEMA, QUESTIONS)
    among, alone = answer(extractor, QUESTIONS).probabilities[0], answer(extractor, QUESTIONS[:1]).probabilities[0]
    assert torch.allclose(torch.from_numpy(among), torch.from_numpy(alone), atol=1e-6)


def test_items_are_read_beside_what_was_learnt_whatever_the_number_of_their_options(tiny_encoder):
    """More of them than fit into a batch, those of one batch all with fewer options than those of another."""
    extractor = untrained(tiny_encoder, "choice", TASK, SCHEMA, QUESTIONS)
    few = Question(question="What cuts?", options=("a knife", "a spoon"))
    many = Question(question="Which of these three is what one cuts bread with?", options=("a log", "a cup", "a knife"))
    learnt = states_of(extractor, [few] * BATCH_SIZE + [many] * BATCH_SIZE)
    found = read(replace(extractor, learnt=learnt[BATCH_SIZE:]), [many])
    assert found.similarities == pytest.approx([1.0], abs=1e-5)
    assert read(replace(extractor, learnt=learnt), [few]).similarities == pytest.approx([1.0], abs=1e-5)
    assert similarities(extractor, [few], [many, few])[0, 1] == pytest.approx(1.0, abs=1e-5)


def test_more_options_than_an_extractor_knows_are_an_error_that_says_so(tiny_encoder):
    extractor = untrained(tiny_encoder, "choice", TASK, SCHEMA, QUESTIONS)
    with pytest.raises(UserError, match=r"'Which one\?' has 8 options, and the extractor learnt from questions of 4"):
        answer(extractor, [Question(question="Which one?", options=tuple("abcdefgh"))])


def test_the_place_of_an_option_decides_nothing_by_itself():
    head = ChoiceHead(4, 3)
    states = torch.randn(1, 3, 4)
    assert torch.allclose(head(states)[:, [2, 0, 1]], head(states[:, [2, 0, 1]]), atol=1e-6)


def test_an_extractor_with_this_head_learns_and_is_loaded_as_it_was(tmp_path, tiny_encoder):
    config = CONFIG.model_copy(update={"max_steps": 60, "eval_steps": 20, "encoder_lr": 3e-3, "head_lr": 3e-3})
    extractor, _ = train_extractor(
        str(tiny_encoder),
        "choice",
        config,
        TASK,
        SCHEMA,
        QUESTIONS,
        QUESTIONS,
        seed=1,
        folder=tmp_path / "state",
        on_eval=lambda point: None,
    )
    loaded = load_extractor(saved(extractor, tmp_path / "extractor"), CPU)
    assert [row["predicted"] for row in label(loaded, QUESTIONS)] == [question.label for question in QUESTIONS]


def test_the_code_of_its_card_says_what_the_extractor_says(tmp_path, tiny_encoder, monkeypatch):
    extractor = untrained(tiny_encoder, "choice", TASK, SCHEMA, QUESTIONS)
    item = Question(question="What do you cut bread with?", options=("a knife", "a spoon"))
    folder = saved(extractor, tmp_path / "extractor")
    found = run_in(folder, card_code(folder), monkeypatch)
    assert torch.allclose(found, torch.from_numpy(answer(extractor, [item]).probabilities[0]).float(), atol=1e-5)


def test_examples_without_options_are_an_error_that_names_the_other_head():
    with pytest.raises(UserError, match="examples of relation have none: take first_token"):
        options(RELATION, SEEDS)
