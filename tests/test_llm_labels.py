"""An LLM that labels test examples itself: what it is asked, how its answers are read, what the stage writes."""

import asyncio
import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import get_args

import numpy as np
import pytest
import torch
import yaml
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoModelForCausalLM

from relseed.labelling import score
from relseed.labelling.ask import label_by_answers, label_requests
from relseed.labelling.demonstrations import demonstrations_of, fixed, nearest
from relseed.labelling.items import stratified
from relseed.labelling.labeller import Labeller, Reading, read_labeller
from relseed.labelling.prompt import CODES, Demonstration, LabelPrompt
from relseed.labelling.record import LLMLabel
from relseed.labelling.score import label_by_scores
from relseed.llm.client import Client
from relseed.llm.engines.transformers import load_causal_model, prompt_text
from relseed.llm.request import RequestFailedError
from relseed.pipeline.errors import UserError
from relseed.pipeline.params import Params
from relseed.records.files import read_records, write_records
from relseed.tasks.relation import TASK, Relation, Schema
from relseed.tasks.yes_no import TASK as YES_NO
from relseed.tasks.yes_no import AnsweredQuestion
from stages import label as stage
from tests.boats import SCHEMA, SEEDS
from tests.methods import PARAMS, TEACHER
from tests.scripted import FREE, UNLIMITED, Scripted
from tests.tiny_llm import save_tiny_llm

SETTINGS = Labeller.model_validate(PARAMS["labellers"]["llm_zero"])
ITEM = SEEDS[0]


def prompt(answer: str = "code", schema: Schema = SCHEMA, **changes) -> LabelPrompt:
    fields = {"item": ITEM, "demonstrations": (), "order_seed": "1/boats-1"}
    return LabelPrompt(task=TASK, schema=schema, answer=answer, **fields | changes)


def asked(*args, **changes) -> str:
    [message] = prompt(*args, **changes).messages()
    return message.content


def code_of(label: str, **changes) -> str:
    return json.loads(prompt(**changes).answer_of(label))["answer"]


# What is asked


def test_a_prompt_lists_every_label_with_code_types_and_definition_and_ends_with_the_item():
    text = asked()
    assert f"{code_of('owner_of')}. owner of (PERSON, BOAT): the head owns the tail" in text
    assert text.count(TASK.show(ITEM)) == 1
    assert text.endswith("Types: the head is of type PERSON, the tail of type BOAT\nAnswer:")


def test_the_labels_of_each_prompt_have_another_order_and_the_negative_one_is_last():
    orders = {tuple(entry.label for entry in prompt(order_seed=str(seed)).labels.values()) for seed in range(20)}
    assert orders == {("owner_of", "boat:built_in", "no_relation"), ("boat:built_in", "owner_of", "no_relation")}


def test_the_label_of_an_item_changes_nothing_in_its_prompt():
    other = TASK.relabelled(ITEM, "boat:built_in")
    assert asked(item=other) == asked()


def test_a_question_is_asked_without_its_answer():
    def text(answer: bool) -> str:
        question = AnsweredQuestion(id="q", question="Is tea wet?", passage="Tea is mostly water.", answer=answer)
        made = LabelPrompt(YES_NO, YES_NO.fixed_schema, question, (), "code", "1")
        return made.messages()[0].content

    assert text(True) == text(False)
    assert text(True).endswith("Passage: Tea is mostly water.\nQuestion: Is tea wet?\nAnswer:")


def test_a_demonstration_is_shown_with_its_answer_and_its_reason_where_it_has_one():
    plain, explained = (asked(demonstrations=[Demonstration(SEEDS[1], reason)]) for reason in (None, "Papers."))
    shown = f"Sentence: {TASK.show(SEEDS[1])}\nTypes: the head is of type PERSON, the tail of type BOAT\n"
    assert f'{shown}Answer: {{"answer": "{code_of("owner_of")}"}}\n\nSentence:' in plain
    assert f"{shown}Reason: Papers.\nAnswer:" in explained


def test_a_neutral_prompt_holds_nothing_of_the_item_but_its_types():
    assert ITEM.head.text_of(ITEM.text) not in asked(neutral=True)
    assert "Sentence: N/A\nTypes: the head is of type PERSON" in asked(neutral=True)


def test_more_labels_than_codes_are_an_error_only_where_codes_are_asked_for():
    relations = [Relation(relation=f"r{number}", definition="x") for number in range(len(CODES) + 1)]
    schema = Schema(relations=tuple(relations))
    with pytest.raises(UserError, match="the schema has 53 labels, there are codes for 52: take another `answer`"):
        asked(schema=schema)
    assert "- r52: x\n" in asked("text", schema=schema)


# How answers are read


def test_an_answer_in_codes_is_held_to_them_and_read_as_its_label():
    made = prompt()
    assert made.response_schema()["properties"] == {"answer": {"enum": ["A", "B", "C"]}}
    assert [made.read(made.answer_of(label)) for label in SCHEMA.labels] == list(SCHEMA.labels)


@pytest.mark.parametrize("text", ["", "A", '{"answer": "D"}', '{"answer": ["A"]}', '{"label": "A"}', "{", "[" * 9999])
def test_an_answer_that_is_no_code_means_no_label(text):
    assert prompt().read(text) is None


@pytest.mark.parametrize("text", ["Owner of", " owner_of\nbecause she keeps it", "owner of. She keeps it."])
def test_free_text_is_read_up_to_its_first_stop(text):
    made = prompt("text")
    assert made.response_schema() is None
    assert made.read(text) == "owner_of"


@pytest.mark.parametrize("text", ["", "She is the owner of it", "owner", "owned by"])
def test_free_text_that_is_not_the_name_of_a_label_means_none(text):
    assert prompt("text").read(text) is None


def test_a_name_with_a_full_stop_is_read_as_it_is_asked_for():
    made = prompt("text", Schema(relations=(Relation(relation="u.s._state", definition="x"), *SCHEMA.relations)))
    assert made.read("U.S. state") == "u.s._state"


def test_names_that_free_text_cannot_tell_apart_are_an_error():
    twins = [Relation(relation=name, definition="x") for name in ("per:parents", "person_parents")]
    with pytest.raises(UserError, match=r"cannot tell .*per.* from .*per.*: take another `answer` than text"):
        prompt("text", Schema(relations=tuple(twins))).read("person parents")


@given(st.text(), st.sampled_from(["code", "text"]))
def test_no_answer_whatever_raises(text, answer):
    assert prompt(answer).read(text) in (None, *SCHEMA.labels)


# Which demonstrations


def test_fixed_demonstrations_are_as_many_of_each_label_and_the_same_for_every_item():
    settings = SETTINGS.model_copy(update={"demonstrations": "fixed", "shots": 1})
    pool = [*SEEDS, TASK.relabelled(SEEDS[0], "boat:built_in").model_copy(update={"id": "boats-3"})]
    first, second = demonstrations_of(settings, TASK, pool, SEEDS, {})
    assert first == second
    assert sorted(each.example.label for each in first) == ["boat:built_in", "owner_of"]


def test_fixed_demonstrations_come_in_an_order_that_the_random_seed_decides():
    pool = [SimpleNamespace(label=label) for label in "abcdefgh"]
    orders = {"".join(each.label for each in fixed(pool, 1, seed)) for seed in range(5)}
    assert len(orders) == 5
    assert {"".join(sorted(order)) for order in orders} == {"abcdefgh"}


def test_the_most_similar_demonstration_stands_last():
    assert nearest(np.array([[0.1, 0.9, 0.5], [0.7, 0.1, 0.2]]), ["a", "b", "c"], 2) == [["c", "b"], ["c", "a"]]


def test_the_nearest_are_found_by_what_is_left_when_mentions_are_masked():
    settings = SETTINGS.model_copy(update={"demonstrations": "nearest", "shots": 1})
    renamed = SEEDS[1].text.replace("Tove", "Anna").replace("Grey Heron", "Wide Petrel")
    item = TASK.read_item(
        {"text": renamed.replace("Anna", "<e1>Anna</e1>").replace("Wide Petrel", "<e2>Wide Petrel</e2>")}
    )
    [[shown]] = demonstrations_of(settings, TASK, SEEDS, [item], {})
    assert shown == Demonstration(SEEDS[1], None)


def test_an_extractor_that_is_not_built_is_no_reason_to_find_the_nearest_in_another_way(tmp_path):
    changes = {"demonstrations": "nearest", "shots": 1, "retriever": tmp_path / "models/extractor/gold"}
    with pytest.raises(UserError, match="extractor"):
        demonstrations_of(SETTINGS.model_copy(update=changes), TASK, SEEDS, SEEDS, {})


def test_reasons_are_those_of_the_examples_that_are_shown():
    settings = SETTINGS.model_copy(update={"demonstrations": "fixed", "shots": 2, "reasons": True})
    [shown] = demonstrations_of(settings, TASK, SEEDS, [ITEM], {"boats-2": "Papers."})
    assert {each.example.id: each.reason for each in shown} == {"boats-1": None, "boats-2": "Papers."}


# Which items


@given(st.lists(st.sampled_from("aaabbc"), min_size=1, max_size=60), st.integers(1, 60))
def test_a_subset_has_every_label_in_its_share_and_the_order_of_the_whole(labels, count):
    examples = [SimpleNamespace(at=at, label=label) for at, label in enumerate(labels)]
    chosen = stratified(examples, count, seed=1)
    assert len(chosen) == min(count, len(examples))
    assert [each.at for each in chosen] == sorted(each.at for each in chosen)
    for label in set(labels):
        share = len(chosen) * labels.count(label) / len(labels)
        assert abs(sum(each.label == label for each in chosen) - share) < 1


def test_a_subset_is_the_same_each_time_and_another_for_another_random_seed():
    examples = [SimpleNamespace(at=at, label="a") for at in range(50)]
    assert stratified(examples, 10, 1) == stratified(examples, 10, 1) != stratified(examples, 10, 2)


# Asking


def labelled(engine: Scripted, *prompts: LabelPrompt) -> list[LLMLabel]:
    client = Client(engine, None, UNLIMITED, FREE)
    return asyncio.run(label_by_answers("llm_zero", prompts, SETTINGS, TEACHER, client))


def test_each_item_is_asked_about_once_with_a_random_seed_of_its_own():
    requests = label_requests("llm_zero", [prompt(), prompt(item=SEEDS[1])], SETTINGS, TEACHER)
    assert len({request.seed for request in requests}) == 2
    assert {request.max_tokens for request in requests} == {SETTINGS.max_tokens}


def test_what_was_answered_is_kept_verbatim_beside_what_it_means():
    answer = prompt().answer_of("boat:built_in")
    [found] = labelled(Scripted(lambda _: answer), prompt())
    assert (found.id, found.label, found.predicted, found.answer) == ("boats-1", "owner_of", "boat:built_in", answer)
    assert (found.prompt_tokens, found.completion_tokens, found.counted) == (3, 2, True)


def test_tokens_that_nobody_counted_are_estimated_and_said_to_be():
    [found] = labelled(Scripted(lambda _: "no idea", prompt_tokens=None, completion_tokens=None), prompt())
    assert (found.prompt_tokens, found.counted) == (len(asked()) // 3 + 1, False)


def test_a_refusal_means_no_label_and_the_others_are_kept():
    answers = iter([RequestFailedError("refused", "not that"), prompt(item=SEEDS[1]).answer_of("owner_of")])
    first, second = labelled(Scripted(lambda _: next(answers)), prompt(), prompt(item=SEEDS[1]))
    assert (first.predicted, first.answer, second.predicted) == (None, "", "owner_of")


# Scoring names


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A random model that weighs every word before: its scores differ from name to name."""
    folder = save_tiny_llm(tmp_path_factory.mktemp("model"))
    model = AutoModelForCausalLM.from_pretrained(folder, dtype="float32")
    torch.manual_seed(1)
    for weights in model.parameters():
        if weights.ndim == 2:
            weights.data.normal_(0, 0.3)
    model.save_pretrained(folder)
    return TEACHER.model_copy(update={"engine": "transformers", "model": str(folder), "revision": None})


def test_a_score_is_the_log_probability_of_the_name_and_the_end_after_the_prompt(tiny):
    model, tokenizer = load_causal_model(tiny.model, None)
    model.float()
    made = prompt("score_sum")
    found, tokens = score._scores(model, tokenizer, made, by_sum=True)
    start = tokenizer(prompt_text(tokenizer, made.messages()), add_special_tokens=False)["input_ids"]
    assert tokens == len(start)
    for entry, value in zip(made.labels.values(), found, strict=True):
        name = [*tokenizer(entry.name, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
        logits = model(torch.tensor([[*start, *name]], device=model.device)).logits[0].float().log_softmax(-1)
        expected = sum(logits[len(start) - 1 + at, token].item() for at, token in enumerate(name))
        assert value.item() == pytest.approx(expected, abs=1e-3)
    assert found.std() > 1


def test_a_mean_is_the_sum_over_the_tokens_of_the_name_and_the_end(tiny):
    model, tokenizer = load_causal_model(tiny.model, None)
    made = prompt("score_mean")
    sums, means = (score._scores(model.float(), tokenizer, made, by_sum=by_sum)[0] for by_sum in (True, False))
    lengths = [len(entry.name) + 1 for entry in made.labels.values()]  # a token a byte
    assert means.tolist() == pytest.approx((sums / torch.tensor(lengths)).tolist(), abs=1e-4)


def test_each_way_to_score_takes_its_own_best_label(tiny, monkeypatch):
    """In the order of the prompt, by the sum the first label is best, by the mean the second, calibrated the last."""

    def scores(_model, _tokenizer, asked: LabelPrompt, *, by_sum: bool):
        values = [-1, -2, -3] if by_sum else [-0.9, -0.1, -0.5] if asked.neutral else [-0.9, -0.2, -0.4]
        return torch.tensor(values), 100

    monkeypatch.setattr(score, "_scores", scores)
    order = [entry.label for entry in prompt("score_sum").labels.values()]
    found = {answer: label_by_scores([prompt(answer)], answer, tiny)[0] for answer in get_args(Reading)[2:]}
    assert [found[f"score_{how}"].predicted for how in ("sum", "mean", "calibrated")] == order
    assert [found[f"score_{how}"].prompt_tokens for how in ("sum", "mean", "calibrated")] == [100, 100, 200]
    assert {each.completion_tokens for each in found.values()} == {0}


def test_a_prompt_without_room_is_an_error_that_says_how_long_it_is(tiny):
    long = ITEM.model_copy(update={"text": ITEM.text + " again" * 2000})
    with pytest.raises(UserError, match=r"room for 8192 tokens, a prompt with a label takes 1\d{4}: show less"):
        label_by_scores([prompt("score_sum", item=long)], "score_sum", tiny)


# Entries


def read(**changes) -> object:
    params = PARAMS | {"labellers": {"mine": PARAMS["labellers"]["llm_zero"] | changes}}
    return read_labeller(Params(params), "mine")


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"shots": 2}, "leave it out for `none`"),
        ({"demonstrations": "fixed"}, "`shots` says how many"),
        ({"reasons": True}, "`reasons` are those of demonstrations"),
        ({"answer": "score_sum"}, "labellers.mine.answer is score_sum: the engine batch gives no scores"),
        ({"llm": "none"}, "labellers.mine.llm is none, an entry that is null: name an LLM"),
        ({"llm": "tuned"}, "labellers.mine.llm is tuned: take one whose form is chat"),
    ],
)
def test_settings_that_do_not_fit_are_an_error_that_names_them(changes, problem):
    with pytest.raises(UserError, match=re.escape(problem)):
        read(**changes)


def test_a_task_without_a_prompt_for_it_is_an_error_that_says_which_file_to_write(monkeypatch):
    monkeypatch.setattr(type(TASK), "name", "crosswords")
    with pytest.raises(UserError, match=r"crosswords has no prompt for labelling: write .*crosswords/label\.jinja"):
        asked()


# The stage


def test_the_stage_scores_all_items_with_a_model_in_its_process(tmp_path, monkeypatch, tiny):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DISABLE_MLFLOW_INTEGRATION", "TRUE")
    monkeypatch.setenv("DVC_STAGE", "label@mine")
    entry = PARAMS["labellers"]["llm_zero"] | {"answer": "score_mean", "llm": "local", "items": None}
    llms = PARAMS["llms"] | {"local": tiny.model_dump()}
    Path("params.yaml").write_text(yaml.safe_dump(PARAMS | {"labellers": {"mine": entry}, "llms": llms}), "utf-8")
    write_records(Path("labels.jsonl"), SCHEMA.relations)
    write_records(Path("seeds.jsonl"), SEEDS)
    stage.main(
        labeller="mine",
        labels=Path("labels.jsonl"),
        test=Path("seeds.jsonl"),
        seeds=Path("seeds.jsonl"),
        labelled=Path("labelled"),
    )
    found = [each for _, each in read_records(Path("labelled/mine.jsonl"), LLMLabel)]
    assert [(each.id, each.label) for each in found] == [("boats-1", "owner_of"), ("boats-2", "owner_of")]
