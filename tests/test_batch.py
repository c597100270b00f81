"""Responses that come as a file: what goes out, what comes in, and what an error says of the way on."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from relseed.llm.client import open_client
from relseed.llm.engines.batch import BatchFiles, BatchSettings, export_line, read_responses
from relseed.llm.engines.strict import strict_body
from relseed.llm.llm import LLM
from relseed.llm.request import Request, RequestFailedError, Response
from relseed.pipeline.errors import UserError
from relseed.pipeline.params import Params
from relseed.records.files import DataError
from tests.graph import ROOT
from tests.scripted import request

SCHEMA = {"type": "object", "properties": {"why": {"type": "string"}}}
PARAMS = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))


def asked(prompt: str = "why?", **changes: Any) -> Request:
    return request(prompt, **{"response_schema": SCHEMA} | changes)


def body(text: str = "because", **changes: Any) -> dict:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return {"object": "chat.completion", "model": "m-1", "choices": [choice], **changes}


def openai_line(key: str, **changes: Any) -> dict:
    """A line as OpenAI's batch service writes it."""
    response = {
        "status_code": 200,
        "request_id": "req-1",
        "body": body(usage={"prompt_tokens": 7, "completion_tokens": 5}),
    }
    return {"id": "batch_req_1", "custom_id": key, "response": response, "error": None} | changes


def vllm_line(key: str) -> dict:
    """A line as `vllm run-batch` writes it."""
    message = {"role": "assistant", "content": "because", "refusal": None, "tool_calls": [], "reasoning": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop", "stop_reason": None}
    usage = {"prompt_tokens": 7, "total_tokens": 12, "completion_tokens": 5, "prompt_tokens_details": None}
    response = {"status_code": 200, "request_id": "vllm-batch-1", "body": body(choices=[choice], usage=usage)}
    return {"id": "vllm-1", "custom_id": key, "response": response, "error": None}


def record(path: Path, *lines: dict | str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        "".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines), encoding="utf-8"
    )
    return path


def batch(folder: Path, recorded: str = "recorded") -> BatchFiles:
    return BatchFiles(BatchSettings(requests=folder / "open"), folder / recorded, "explain")


def send(files: BatchFiles, *requests: Request) -> list:
    """The responses, or what was raised in their place."""

    async def gather() -> list:
        return list(await asyncio.gather(*map(files.complete, requests), return_exceptions=True))

    return asyncio.run(gather())


def found(tmp_path: Path, *lines: dict | str) -> Any:
    """What these recorded lines say to one request."""
    record(tmp_path / "recorded/a.jsonl", *lines)
    [response_or_error] = send(batch(tmp_path), asked())
    return response_or_error


# What goes out


def test_an_exported_line_is_one_of_an_openai_batch_file_under_the_key_of_the_request():
    assert json.loads(export_line(asked())) == {
        "custom_id": asked().key,
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": strict_body(asked()),
    }


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_whatever_a_prompt_holds_its_export_is_one_line_that_holds_it_exactly(prompt):
    line = export_line(asked(prompt))
    assert line.index("\n") == len(line) - 1
    assert json.loads(line)["body"]["messages"] == [{"role": "user", "content": prompt}]


def test_all_that_is_open_is_exported_each_request_once_in_the_order_asked(tmp_path):
    record(tmp_path / "recorded/a.jsonl", openai_line(asked().key))
    files = batch(tmp_path)
    send(files, asked("b"), asked(), asked("a"), asked("b"))
    with pytest.raises(UserError, match="no response to 2 requests"):
        files.check()
    files.export()
    exported = (tmp_path / "open/explain.jsonl").read_text(encoding="utf-8")
    assert exported == export_line(asked("b")) + export_line(asked("a"))


def test_an_open_request_fails_with_a_reason_of_its_own(tmp_path):
    [error] = send(batch(tmp_path), asked())
    assert (type(error), error.reason) == (RequestFailedError, "not_recorded")


def test_the_error_names_three_ways_on_and_the_exported_file(tmp_path):
    record(tmp_path / "recorded.jsonl")
    files = batch(tmp_path, "recorded.jsonl")
    send(files, asked())
    with pytest.raises(UserError) as caught:
        files.check()
    said = str(caught.value)
    for way in ("set engine of the LLM in params.yaml to openai", "OPENAI_API_KEY", "engine to vllm", "vllm run-batch"):
        assert way in said
    assert f"the requests are in {tmp_path / 'open/explain.jsonl'}" in said
    assert f"put the responses into {tmp_path / 'recorded.jsonl'} (one more line each) and run again" in said


def test_responses_to_a_folder_of_files_go_into_the_folder(tmp_path):
    (tmp_path / "recorded").mkdir()
    files = batch(tmp_path)
    send(files, asked())
    with pytest.raises(UserError, match=f"put the responses into {tmp_path / 'recorded'} and run again"):
        files.check()


def test_an_old_export_is_removed_once_nothing_is_open(tmp_path):
    old = record(tmp_path / "open/explain.jsonl", {})
    other = record(tmp_path / "open/generate.jsonl", {})
    record(tmp_path / "recorded/a.jsonl", openai_line(asked().key))
    files = batch(tmp_path)
    send(files, asked())
    files.check()
    files.export()
    assert (old.exists(), other.exists()) == (False, True)


# What comes in


@pytest.mark.parametrize("line", [openai_line, vllm_line])
def test_a_line_of_openai_and_of_vllm_is_a_response_with_its_counts(tmp_path, line):
    assert found(tmp_path, line(asked().key)) == Response(
        text="because",
        finish="stop",
        prompt_tokens=7,
        completion_tokens=5,
        seconds=None,
        engine="batch",
        model="m-1",
    )


def test_a_response_without_counts_is_one_whose_tokens_nobody_counted(tmp_path):
    response = found(tmp_path, openai_line(asked().key, response={"status_code": 200, "body": body()}))
    assert (response.text, response.prompt_tokens, response.completion_tokens) == ("because", None, None)


def test_a_response_that_was_cut_off_says_so(tmp_path):
    choices = [{"message": {"content": "bec"}, "finish_reason": "length"}]
    line = openai_line(asked().key, response={"status_code": 200, "body": body(choices=choices)})
    assert found(tmp_path, line).truncated


def test_a_refusal_in_a_batch_keeps_the_words_of_the_model(tmp_path):
    choices = [{"message": {"content": None, "refusal": "I would rather not."}, "finish_reason": "stop"}]
    line = openai_line(asked().key, response={"status_code": 200, "body": body(choices=choices)})
    assert found(tmp_path, line).refusal == "I would rather not."


def test_odd_counts_never_cost_the_response_or_the_file(tmp_path):
    odd = body(usage={"prompt_tokens": 1.5, "completion_tokens": -1}, model=7)
    response = found(tmp_path, openai_line(asked().key, response={"status_code": 200, "body": odd}))
    assert (response.text, response.prompt_tokens, response.model) == ("because", None, "unknown")


def test_a_response_without_content_is_an_empty_one_that_rules_may_reject_later(tmp_path):
    line = openai_line(asked().key, response={"status_code": 200, "body": body(None)})
    assert found(tmp_path, line).text == ""


@pytest.mark.parametrize(
    ("failure", "says"),
    [
        ({"response": {"status_code": 400, "body": {"error": {"message": "bad schema"}}}}, "bad schema"),
        ({"response": {"status_code": 400, "request_id": "r", "body": None}, "error": "no such url"}, "no such"),
    ],
    ids=["openai", "vllm"],
)
def test_a_request_that_was_refused_for_good_says_why(tmp_path, failure, says):
    error = found(tmp_path, openai_line(asked().key, **failure))
    assert (type(error), error.reason) == (RequestFailedError, "refused")
    assert says in str(error)


@pytest.mark.parametrize(
    ("status", "hint"),
    [(401, "OPENAI_API_KEY is missing or wrong"), (403, "may not use this model"), (404, "has no such model")],
)
def test_a_batch_that_went_to_the_wrong_place_is_an_error_and_no_refusal(tmp_path, status, hint):
    path = record(tmp_path / "recorded/b.jsonl", openai_line("k", response={"status_code": status, "body": "no m"}))
    with pytest.raises(DataError, match=rf'^{path}:1: status {status}, "no m": .*{hint}.*; delete the line'):
        batch(tmp_path)


@pytest.mark.parametrize(
    "failure",
    [
        {"response": None, "error": {"code": "batch_expired", "message": "too late"}},
        {"response": {"status_code": 429, "body": {}}},
        {"response": {"status_code": 500}},
        {"response": {"status_code": 200, "body": {"choices": []}}},
        {"response": {"status_code": 200, "body": {"error": {"message": "busy", "code": 503}}}},
        {"response": {"status_code": 200, "body": body(choices=[{"finish_reason": "abort", "message": {}}])}},
    ],
    ids=["expired", "rate limit", "server fault", "no choices", "error with status 200", "broken off"],
)
def test_a_request_that_failed_for_a_reason_that_passes_stays_open(tmp_path, failure):
    error = found(tmp_path, openai_line(asked().key, **failure))
    assert (type(error), error.reason) == (RequestFailedError, "not_recorded")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{", "not JSON"),
        ("[]", "not a JSON object"),
        ({"response": None}, "not a line of a batch output file: custom_id"),
        (json.loads(export_line(asked())) | {"response": "soon"}, "not a line of a batch output file: response"),
        (openai_line("k", response={"status_code": "fine", "body": {}}), "status_code"),
        (openai_line("k", response={"status_code": 200, "body": {"text": "because"}}), "body is no chat completion"),
        (openai_line("k", response={"status_code": 200, "body": None}), "body is no chat completion"),
        (openai_line("k", response={"status_code": 200, "body": body(choices=[{}])}), "body is no chat completion"),
    ],
)
def test_a_malformed_line_is_an_error_with_file_and_line(tmp_path, line, says):
    path = record(tmp_path / "recorded/b.jsonl", openai_line("another"), line)
    with pytest.raises(DataError) as caught:
        batch(tmp_path)
    assert str(caught.value).startswith(f"{path}:2: ")
    assert says in str(caught.value)


@pytest.mark.parametrize("files", [("a", "a"), ("a", "b"), ("b", "a")], ids=["one file", "before", "after"])
def test_a_response_beats_a_failure_to_the_same_request_wherever_it_stands(tmp_path, files):
    lines = (openai_line(asked().key, response=None, error="lost"), openai_line(asked().key))
    for name in set(files):
        record(tmp_path / f"{name}.jsonl", *(line for file, line in zip(files, lines, strict=True) if file == name))
    assert read_responses(tmp_path)[asked().key].text == "because"


def test_only_jsonl_files_are_read_and_a_missing_folder_holds_no_response(tmp_path):
    record(tmp_path / "README.md", "# Recorded responses")
    assert read_responses(tmp_path) == read_responses(tmp_path / "nowhere") == {}


def anthropic_line(key: str, **result: Any) -> dict:
    """A line as Anthropic's message batches write it."""
    content, usage = [{"type": "text", "text": "because"}], {"input_tokens": 7, "output_tokens": 5}
    message = {"type": "message", "model": "m-1", "content": content, "stop_reason": "end_turn", "usage": usage}
    return {"custom_id": key, "result": {"type": "succeeded", "message": message} | result}


def test_a_line_of_anthropic_is_a_response_with_its_counts(tmp_path):
    response = found(tmp_path, anthropic_line(asked().key))
    assert (response.text, response.prompt_tokens, response.completion_tokens) == ("because", 7, 5)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [("invalid_request_error", "refused"), ("overloaded_error", "not_recorded"), ("rate_limit_error", "not_recorded")],
)
def test_an_error_of_anthropic_is_final_by_its_kind(tmp_path, kind, reason):
    error = {"type": "error", "error": {"type": kind, "message": "no"}}
    assert found(tmp_path, anthropic_line(asked().key, type="errored", error=error)).reason == reason


@pytest.mark.parametrize("kind", ["expired", "canceled"])
def test_what_anthropic_did_not_get_to_stays_open(tmp_path, kind):
    assert found(tmp_path, {"custom_id": asked().key, "result": {"type": kind}}).reason == "not_recorded"


def test_responses_of_several_files_in_any_order_are_found(tmp_path):
    requests = [asked(str(number)) for number in range(5)]
    lines = [(openai_line if number % 2 else anthropic_line)(each.key) for number, each in enumerate(requests)]
    record(tmp_path / "recorded/b.jsonl", *lines[3:][::-1])
    record(tmp_path / "recorded/a.jsonl", *lines[:3][::-1])
    assert {each.text for each in send(batch(tmp_path), *requests)} == {"because"}


# What is said of responses that answer nothing


def said(tmp_path: Path) -> str:
    files = batch(tmp_path)
    send(files, asked())
    with pytest.raises(UserError) as caught:
        files.check()
    return str(caught.value)


def test_lines_without_a_response_are_counted(tmp_path):
    record(tmp_path / "recorded/a.jsonl", export_line(asked()).strip(), export_line(asked("b")).strip())
    assert "What is there now: 1 file, 2 lines; 2 have neither response, result nor error" in said(tmp_path)


def test_responses_to_other_requests_are_counted(tmp_path):
    record(tmp_path / "recorded/a.jsonl", openai_line("request-1"), anthropic_line("request-2"))
    assert "2 are to none of these requests (another prompt, model or setting?)" in said(tmp_path)


def test_files_and_folders_that_are_not_read_are_named(tmp_path):
    record(tmp_path / "recorded/batch_output.json", openai_line(asked().key))
    record(tmp_path / "recorded/batch_1/output.jsonl", openai_line(asked().key))
    record(tmp_path / "recorded/README.md", "# Recorded")
    assert "What is there now: 0 files, 0 lines; passed over: batch_1/, batch_output.json" in said(tmp_path)


# Whose response it is


@pytest.mark.parametrize(
    "change",
    [
        {"prompt": "why not?"},
        {"model": "n"},
        {"revision": "abc"},
        {"adapter": "boats"},
        {"temperature": 0.9},
        {"top_p": 0.8},
        {"max_tokens": 17},
        {"seed": 2},
        {"response_schema": {"type": "string"}},
        {"response_schema": None},
    ],
    ids=str,
)
def test_a_recorded_response_is_none_to_a_request_that_differs_in_anything(tmp_path, change):
    record(tmp_path / "recorded/a.jsonl", openai_line(asked().key))
    same, other = send(batch(tmp_path), asked(), asked(**change))
    assert same.text == "because"
    assert isinstance(other, RequestFailedError)


def test_a_response_that_is_taken_out_of_its_file_is_gone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = record(tmp_path / "recorded.jsonl", openai_line(asked().key))

    async def send_once() -> str:
        async with open_client(LLM(**PARAMS["llms"]["teacher"]), "explain", path, Params(PARAMS)) as client:
            return (await client.send(asked())).text

    assert asyncio.run(send_once()) == "because"
    path.unlink()
    with pytest.raises(RequestFailedError):
        asyncio.run(send_once())
