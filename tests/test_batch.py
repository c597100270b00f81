"""Answers that come as a file: what goes out, what comes in, and what an error says of the way on."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from relseed.generation.answers import read_answers as read_candidates
from relseed.llm.engines.batch import Batch, BatchFile, export_line, read_answers
from relseed.llm.request import Completion, Message, Request, UnansweredError
from relseed.llm.teacher import Teacher, open_client
from relseed.pipeline.errors import UserError
from relseed.pipeline.params import section
from relseed.records.files import DataError, write_records
from relseed.tasks.relation import Example, Schema
from relseed.tasks.relation.tags import untag
from stages import generate
from tests.graph import ROOT

SCHEMA = {"type": "object", "properties": {"why": {"type": "string"}}}
PARAMS = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))


def request(prompt: str = "why?", **changes: Any) -> Request:
    fields = {"model": "m", "answer": SCHEMA, "temperature": 1, "top_p": 0.9, "max_tokens": 16, "seed": 1}
    return Request(messages=(Message(role="user", content=prompt),), **fields | changes)


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


def batch(folder: Path) -> BatchFile:
    return BatchFile(Batch(answers=folder / "recorded", requests=folder / "open"), "explain")


def ask(file: BatchFile, *requests: Request) -> list:
    """The answers, or what was raised in their place."""

    async def gather() -> list:
        return list(await asyncio.gather(*map(file.complete, requests), return_exceptions=True))

    return asyncio.run(gather())


def answered(tmp_path: Path, *lines: dict | str) -> Any:
    record(tmp_path / "recorded/a.jsonl", *lines)
    [answer] = ask(batch(tmp_path), request())
    return answer


# What goes out


def test_an_exported_line_is_one_of_an_openai_batch_file_under_the_key_of_the_request():
    assert json.loads(export_line(request())) == {
        "custom_id": request().key,
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": request().body(),
    }


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_whatever_a_prompt_holds_its_export_is_one_line_that_holds_it_exactly(prompt):
    line = export_line(request(prompt))
    assert line.index("\n") == len(line) - 1
    assert json.loads(line)["body"]["messages"] == [{"role": "user", "content": prompt}]


def test_all_that_is_open_is_exported_each_request_once_in_the_order_asked(tmp_path):
    record(tmp_path / "recorded/a.jsonl", openai_line(request().key))
    file = batch(tmp_path)
    ask(file, request("b"), request(), request("a"), request("b"))
    with pytest.raises(UserError, match="no answer to 2 requests"):
        file.check()
    file.export()
    exported = (tmp_path / "open/explain.jsonl").read_text(encoding="utf-8")
    assert exported == export_line(request("b")) + export_line(request("a"))


def test_an_open_request_is_unanswered_with_a_reason_of_its_own(tmp_path):
    [error] = ask(batch(tmp_path), request())
    assert (type(error), error.reason) == (UnansweredError, "not_recorded")


def test_the_error_names_three_ways_on_and_the_exported_file(tmp_path):
    file = batch(tmp_path)
    ask(file, request())
    with pytest.raises(UserError) as caught:
        file.check()
    said = str(caught.value)
    for way in ("teacher.engine to openai", "OPENAI_API_KEY", "teacher.engine to vllm", "vllm run-batch"):
        assert way in said
    assert f"the requests are in {tmp_path / 'open/explain.jsonl'}" in said
    assert f"put the answers into {tmp_path / 'recorded'} and run again" in said


def test_an_old_export_is_removed_once_nothing_is_open(tmp_path):
    old = record(tmp_path / "open/explain.jsonl", {})
    other = record(tmp_path / "open/generate.jsonl", {})
    record(tmp_path / "recorded/a.jsonl", openai_line(request().key))
    file = batch(tmp_path)
    ask(file, request())
    file.check()
    file.export()
    assert (old.exists(), other.exists()) == (False, True)


# What comes in


@pytest.mark.parametrize("line", [openai_line, vllm_line])
def test_a_line_of_openai_and_of_vllm_is_an_answer_with_its_counts(tmp_path, line):
    assert answered(tmp_path, line(request().key)) == Completion(
        text="because",
        finish="stop",
        prompt_tokens=7,
        completion_tokens=5,
        seconds=None,
        engine="batch",
        model="m-1",
    )


def test_an_answer_without_counts_is_an_answer_whose_tokens_nobody_counted(tmp_path):
    answer = answered(tmp_path, openai_line(request().key, response={"status_code": 200, "body": body()}))
    assert (answer.text, answer.prompt_tokens, answer.completion_tokens) == ("because", None, None)


def test_an_answer_that_was_cut_off_says_so(tmp_path):
    choices = [{"message": {"content": "bec"}, "finish_reason": "length"}]
    line = openai_line(request().key, response={"status_code": 200, "body": body(choices=choices)})
    assert answered(tmp_path, line).truncated


def test_an_answer_without_content_is_an_empty_one_to_be_judged_later(tmp_path):
    line = openai_line(request().key, response={"status_code": 200, "body": body(None)})
    assert answered(tmp_path, line).text == ""


@pytest.mark.parametrize(
    ("failure", "says"),
    [
        ({"response": {"status_code": 400, "body": {"error": {"message": "bad schema"}}}}, "bad schema"),
        ({"response": {"status_code": 400, "request_id": "r", "body": None}, "error": "no such url"}, "no such"),
    ],
    ids=["openai", "vllm"],
)
def test_a_request_that_was_refused_for_good_says_why(tmp_path, failure, says):
    error = answered(tmp_path, openai_line(request().key, **failure))
    assert (type(error), error.reason) == (UnansweredError, "refused")
    assert says in str(error)


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_batch_that_went_to_the_wrong_place_is_an_error_and_no_refusal(tmp_path, status):
    path = record(tmp_path / "recorded/b.jsonl", openai_line("k", response={"status_code": status, "body": "no m"}))
    with pytest.raises(
        DataError, match=rf'^{path}:1: status {status}, "no m": whoever answered lacks .*delete the line'
    ):
        batch(tmp_path)


@pytest.mark.parametrize(
    "failure",
    [
        {"response": None, "error": {"code": "batch_expired", "message": "too late"}},
        {"response": {"status_code": 429, "body": {}}},
        {"response": {"status_code": 500}},
        {"response": {"status_code": 200, "body": {"choices": []}}},
    ],
    ids=["expired", "rate limit", "server fault", "no choices"],
)
def test_a_request_that_failed_for_a_reason_that_passes_stays_open(tmp_path, failure):
    error = answered(tmp_path, openai_line(request().key, **failure))
    assert (type(error), error.reason) == (UnansweredError, "not_recorded")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{", "not JSON"),
        ("[]", "not a JSON object"),
        ({"response": None}, "not a line of a batch output file: custom_id"),
        (json.loads(export_line(request())) | {"response": "soon"}, "not a line of a batch output file: response"),
        (openai_line("k", response={"status_code": "fine", "body": {}}), "status_code"),
        (openai_line("k", response={"status_code": 200, "body": {"text": "because"}}), "choices: Field required"),
        (openai_line("k", response={"status_code": 200, "body": None}), "not a line of a batch output file"),
        (openai_line("k", response={"status_code": 200, "body": body(choices=[{}])}), "choices.0.message"),
    ],
)
def test_a_malformed_line_is_refused_with_file_and_line(tmp_path, line, says):
    path = record(tmp_path / "recorded/b.jsonl", openai_line("another"), line)
    with pytest.raises(DataError) as caught:
        batch(tmp_path)
    assert str(caught.value).startswith(f"{path}:2: ")
    assert says in str(caught.value)


@pytest.mark.parametrize("files", [("a", "a"), ("a", "b"), ("b", "a")], ids=["one file", "before", "after"])
def test_an_answer_beats_a_failure_to_the_same_request_wherever_it_stands(tmp_path, files):
    lines = (openai_line(request().key, response=None, error="lost"), openai_line(request().key))
    for name in set(files):
        record(tmp_path / f"{name}.jsonl", *(line for file, line in zip(files, lines, strict=True) if file == name))
    assert read_answers(tmp_path)[request().key].text == "because"


def test_only_jsonl_files_are_read_and_a_missing_folder_holds_no_answer(tmp_path):
    record(tmp_path / "README.md", "# Recorded answers")
    assert read_answers(tmp_path) == read_answers(tmp_path / "nowhere") == {}


# Whose answer it is


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
        {"answer": {"type": "string"}},
        {"answer": None},
    ],
    ids=str,
)
def test_a_recorded_answer_is_none_to_a_request_that_differs_in_anything(tmp_path, change):
    record(tmp_path / "recorded/a.jsonl", openai_line(request().key))
    same, other = ask(batch(tmp_path), request(), request(**change))
    assert same.text == "because"
    assert isinstance(other, UnansweredError)


def test_an_answer_that_is_taken_out_of_its_file_is_gone(tmp_path, monkeypatch):
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(PARAMS), encoding="utf-8")
    monkeypatch.chdir(tmp_path)

    async def ask_once() -> str:
        async with open_client("explain", section(Teacher)) as client:
            return (await client.ask(request())).text

    path = record(tmp_path / "data/recorded/a.jsonl", openai_line(request().key))
    assert asyncio.run(ask_once()) == "because"
    path.unlink()
    with pytest.raises(UnansweredError):
        asyncio.run(ask_once())


def test_a_stage_whose_exports_are_answered_time_after_time_comes_to_its_end(tmp_path, monkeypatch):
    """Each round answers the one request of each relation that all later ones depend on."""
    params = PARAMS | {"generate": PARAMS["generate"] | {"per_relation": 2}}
    params["checks"] = PARAMS["checks"] | {"language": None, "shortest": 3}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    schema = Schema.model_validate({"relations": [{"relation": name, "definition": name} for name in ("owns", "rows")]})
    write_records(tmp_path / "relations.jsonl", schema.relations)
    marked = dict(untag("<e1>Marit</e1> takes the <e2>Sula</e2>"))
    seeds = [Example(**marked | {"id": label, "relation": label}) for label in schema.labels]
    write_records(tmp_path / "seeds.jsonl", seeds)
    monkeypatch.setenv("DISABLE_MLFLOW_INTEGRATION", "TRUE")
    monkeypatch.chdir(tmp_path)
    stage = ("one_by_one", Path("relations.jsonl"), Path("seeds.jsonl"), Path("candidates.jsonl"))
    export = Path(".scratch/batch/generate-one_by_one.jsonl")
    for turn in range(2):
        with pytest.raises(UserError, match="no answer to 2 requests"):
            generate.main(*stage)
        keys = [json.loads(line)["custom_id"] for line in export.read_text(encoding="utf-8").splitlines()]
        samples = [{"sentence": f"<e1>{key[:6]}</e1> {key[6:12]} the <e2>{key[12:18]}</e2>"} for key in keys]
        texts = [json.dumps({"samples": [sample]}) for sample in samples]
        lines = [
            openai_line(key, response={"status_code": 200, "body": body(text)})
            for key, text in zip(keys, texts, strict=True)
        ]
        record(Path(f"data/recorded/{turn}.jsonl"), *lines)
    generate.main(*stage)
    ids = [answer.id for answer in read_candidates(Path("candidates.jsonl"))]
    assert ids == [f"one_by_one/{name}/{number}" for name in ("owns", "rows") for number in range(2)]
    assert not export.exists()
