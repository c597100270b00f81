"""Reading a chat completion: whatever the answer does not hang on is read leniently, and what is no answer says so."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relseed.llm.engines.completions import EngineError, read_completion
from relseed.llm.request import Response, split_thoughts


def body(content: Any = "because", *, finish: Any = "stop", message: dict | None = None, **changes: Any) -> dict:
    said = {"role": "assistant", "content": content} | (message or {})
    return {"model": "m-1", "choices": [{"index": 0, "message": said, "finish_reason": finish}]} | changes


def read(value: Any) -> Response:
    return read_completion(value, engine="e", model="asked-for", seconds=None)


# Counts


@pytest.mark.parametrize(
    ("counts", "found"),
    [
        ({"prompt_tokens": 7, "completion_tokens": 5}, (7, 5)),
        ({"prompt_tokens": 7.0, "completion_tokens": 5.5}, (7, None)),
        ({"prompt_tokens": -1, "completion_tokens": "5"}, (None, None)),
        ({"prompt_tokens": True, "completion_tokens": float("inf")}, (None, None)),
        ({"input_tokens": 7, "output_tokens": 5}, (7, 5)),
        ({}, (None, None)),
        ([], (None, None)),
        ("many", (None, None)),
        (None, (None, None)),
    ],
    ids=str,
)
def test_counts_that_are_none_are_unknown_and_the_answer_is_kept(counts, found):
    response = read(body(usage=counts))
    assert (response.text, response.prompt_tokens, response.completion_tokens) == ("because", *found)


@pytest.mark.parametrize(
    "odd", [{"finish": 7}, {"finish": None}, {"model": None}, {"model": 3}, {"error": None}], ids=str
)
def test_whatever_else_is_odd_beside_a_whole_answer_is_of_no_matter(odd):
    assert read(body(**odd)).text == "because"


# Content and thoughts


@pytest.mark.parametrize(
    "content",
    [
        [{"type": "text", "text": "because"}],
        [{"type": "text", "text": "be"}, {"type": "text", "text": "cause"}],
        ["be", {"text": "cause"}],
        {"type": "text", "text": "because"},
        [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}, {"type": "text", "text": "because"}],
        [{"type": "thinking", "thinking": "Hm.", "signature": "x"}, {"type": "text", "text": "because"}],
    ],
)
def test_content_in_parts_is_joined_and_thoughts_among_them_stand_apart(content):
    response = read(body(content))
    assert response.text == "because"
    assert response.thoughts == ("Hm." if "thinking" in str(content) else "")


@pytest.mark.parametrize(
    "value",
    [
        body("<think>Hm.</think>\n\nbecause"),
        body("Hm.\n</think>because"),
        body(message={"reasoning_content": "Hm."}),
        body(message={"reasoning": "Hm."}),
    ],
)
def test_thoughts_are_kept_apart_from_the_answer(value):
    response = read(value)
    assert (response.text, response.thoughts) == ("because", "Hm.")


def test_thoughts_are_counted_where_the_engine_counts_them():
    usage = {"prompt_tokens": 7, "completion_tokens": 50, "completion_tokens_details": {"reasoning_tokens": 40}}
    assert read(body(usage=usage)).thought_tokens == 40


def test_a_response_without_thoughts_is_written_as_it_always_was():
    assert not {"thoughts", "thought_tokens"} & read(body()).model_dump(exclude_unset=True).keys()


def test_thoughts_that_were_cut_off_hold_no_answer():
    response = read(body("<think>Perhaps {", finish="length"))
    assert (response.text, response.thoughts, response.truncated) == ("", "Perhaps {", True)


@given(st.text(), st.text().filter(lambda text: "<" not in text and "[" not in text))
def test_of_thoughts_and_an_answer_nothing_is_lost(thoughts, answer):
    found = split_thoughts(f"<think>{thoughts.replace('<', '').replace('[', '')}</think>{answer}")
    assert found == (thoughts.replace("<", "").replace("[", "").strip(), answer.lstrip())


# What is no answer


@pytest.mark.parametrize("finish", ["abort", "error", "cancelled", "ABORT", "insufficient_system_resource"])
def test_an_answer_that_its_engine_broke_off_is_none(finish):
    with pytest.raises(EngineError, match=f"broke the answer off .*{finish}") as caught:
        read(body("beca", finish=finish))
    assert caught.value.status == 500


@pytest.mark.parametrize(
    ("value", "status", "says"),
    [
        ({"error": {"message": "the provider went away", "code": 502}}, 502, "the provider went away"),
        ({"error": {"message": "slow down", "code": "429"}}, 429, "slow down"),
        ({"error": {"message": "no", "type": "invalid_request_error", "code": None}}, 400, "no"),
        ({"error": "overloaded"}, 500, "overloaded"),
        ({"object": "error", "message": "too long", "type": "BadRequestError", "code": 400}, 400, "too long"),
        ({"detail": [{"msg": "extra inputs"}]}, 500, "extra inputs"),
        (body("beca", error={"message": "gone", "code": 503}), 503, "gone"),
    ],
)
def test_an_error_with_status_200_keeps_its_words_and_its_code(value, status, says):
    with pytest.raises(EngineError, match=says) as caught:
        read(value)
    assert caught.value.status == status


def test_an_error_beside_a_half_in_a_choice_is_an_error():
    value = body("beca", finish="error")
    value["choices"][0]["error"] = {"code": 502, "message": "the provider went away"}
    with pytest.raises(EngineError, match="the provider went away"):
        read(value)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (body(None, message={"refusal": "I would rather not"}), "I would rather not"),
        ({"content": [{"type": "text", "text": "I would not"}], "stop_reason": "refusal"}, "I would not"),
        ({"content": [], "stop_reason": "refusal"}, "the model does not say why"),
    ],
)
def test_a_refusal_is_an_answer_with_the_words_of_the_model(value, words):
    assert read(value).refusal == words


@pytest.mark.parametrize("value", [None, [], "no", {}, {"choices": []}, {"choices": [{}]}, {"choices": "abc"}, body(7)])
def test_what_is_no_completion_is_an_error(value):
    with pytest.raises(ValueError, match=r"the (response|first choice|content)"):
        read(value)


@pytest.mark.parametrize("finish", ["length", "max_tokens", "MAX_TOKENS", "model_length"])
def test_whatever_an_engine_calls_it_a_response_that_was_cut_off_says_so(finish):
    assert read(body("bec", finish=finish)).truncated


# Anthropic's form


def test_a_message_of_anthropics_form_is_read():
    content = [{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": "because"}]
    usage = {"input_tokens": 7, "output_tokens": 5}
    message = {"type": "message", "model": "c", "content": content, "stop_reason": "end_turn", "usage": usage}
    found = read(message)
    assert (found.text, found.thoughts, found.finish, found.model) == ("because", "Hm.", "end_turn", "c")
    assert (found.prompt_tokens, found.completion_tokens) == (7, 5)
