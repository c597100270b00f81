"""LLMs by name: what an entry of `llms` makes of a request, and the way to its engine."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from relseed.llm.client import Client, open_client
from relseed.llm.llm import LLM, llms_of
from relseed.llm.request import Message, Request
from relseed.pipeline.errors import UserError
from relseed.pipeline.params import Params
from tests.graph import ROOT
from tests.hostile import responds, serving
from tests.scripted import request

PARAMS = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
MESSAGES = (Message(role="user", content="Write."),)


def llm(**changes: Any) -> LLM:
    return LLM(**PARAMS["llms"]["teacher"] | changes)


def asked(id: str = "all_at_once/owns/0", **changes: Any) -> Request:
    return llm(**changes).request(id, MESSAGES, {"type": "string"}, 9)


# Requests


def test_a_request_has_all_that_the_entry_says_of_the_model_and_its_sampling():
    found = asked(model="scribe", revision="abc", adapter="boats", temperature=0.5, top_p=0.8)
    assert (found.model, found.revision, found.adapter) == ("scribe", "abc", "boats")
    assert (found.temperature, found.top_p, found.max_tokens) == (0.5, 0.8, 9)
    assert (found.messages, found.response_schema) == (MESSAGES, {"type": "string"})


def test_each_request_has_a_random_seed_of_its_own_that_is_the_same_on_every_run_and_follows_that_of_the_llm():
    ids = [f"all_at_once/owns/{number}" for number in range(20)]
    seeds = [asked(id).seed for id in ids]
    assert seeds == [asked(id).seed for id in ids]
    assert len({*seeds, *(asked(id, seed=2).seed for id in ids)}) == 40
    assert max(seeds) < 2**31  # not every engine takes more


def test_responses_are_held_to_no_schema_where_the_endpoint_takes_none():
    free = asked(structured_output=False)
    assert free.response_schema is None
    assert "response_format" not in free.body()
    assert free.key != asked().key


def test_a_parameter_that_is_null_is_left_out_and_requests_stay_apart():
    first, second = (asked(id, temperature=None, seed=None) for id in ("all_at_once/owns/0", "all_at_once/owns/1"))
    assert not {"temperature", "seed"} & first.body().keys()
    assert first.key != second.key


def test_a_request_is_another_with_another_effort_or_without_a_seed_but_not_by_the_name_of_its_limit():
    renamed = asked(limit_name="max_completion_tokens")
    assert (renamed.key, renamed.body()["max_completion_tokens"]) == (asked().key, 9)
    assert len({asked().key, asked(reasoning_effort="low").key, asked(seed=None).key}) == 3


# Weights and adapters


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A folder with a model, and one with an adapter for each of two labels."""
    write_weights(tmp_path / "base", "base")
    for name in ("a", "b"):
        write_weights(tmp_path / "tuned" / name, name)
    by_label = {"owns": "a", "rows_to": "b"}
    (tmp_path / "tuned/adapters.json").write_text(json.dumps({"by_label": by_label}), encoding="utf-8")
    return tmp_path


def write_weights(folder: Path, content: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.safetensors").write_text(content, encoding="utf-8")


def tuned(weights: Path) -> LLM:
    return llm(engine="transformers", model=str(weights / "base"), adapters=str(weights / "tuned"))


def test_the_adapter_of_a_label_writes_of_it_and_the_first_of_a_label_that_has_none(weights):
    assert [tuned(weights).for_label(label).adapter for label in ("owns", "rows_to", "none")] == ["a", "b", "a"]


def test_the_folders_of_adapters_go_to_the_engine_by_their_names(weights):
    assert tuned(weights).adapter_folders == {name: str(weights / "tuned" / name) for name in ("a", "b")}
    assert llm().adapter_folders == {}


@pytest.mark.parametrize("folder", ["base", "tuned/a", "tuned/b"])
def test_a_model_that_was_built_anew_is_another_one_to_the_cache(weights, folder):
    before = tuned(weights).for_label("owns").request("id", MESSAGES, None, 9)
    write_weights(weights / folder, "other")
    assert tuned(weights).for_label("owns").request("id", MESSAGES, None, 9).key != before.key


def test_a_model_that_is_in_no_folder_keeps_its_revision():
    assert llm(revision="abc").for_label("owns").revision == "abc"


def test_adapters_that_are_not_there_are_an_error_with_a_cure(tmp_path):
    with pytest.raises(UserError, match=r"adapters\.json: file not found: build it with `dvc repro dpo`"):
        llm(adapters=str(tmp_path)).for_label("owns")


# Entries


def test_an_adapter_by_name_does_not_go_with_the_engine_transformers():
    with pytest.raises(ValidationError, match="the engine transformers takes no adapter: merge it into the model"):
        llm(engine="transformers", adapter="boats")


def test_a_prompt_to_go_on_with_has_a_length():
    with pytest.raises(ValidationError, match="the form `continuation` needs prompt_characters"):
        llm(form="continuation")
    assert llm(form="continuation", prompt_characters=100)


def test_llms_are_found_by_their_names_in_params():
    found = llms_of(Params(PARAMS), ["tuned", "teacher"])
    assert [(name, entry.model) for name, entry in found.items()] == [
        ("tuned", "models/lm/base"),
        ("teacher", "claude"),
    ]


def test_an_llm_that_params_do_not_have_is_an_error_that_lists_those_that_they_have():
    with pytest.raises(UserError, match="llms has no entry 'scribe', it has teacher, untuned, tuned"):
        llms_of(Params(PARAMS), ["scribe"])


# The way to an engine


def opened(entry: LLM, params: dict, folder: Path) -> Client:
    """A client to the LLM of an entry, once it has answered one request."""

    async def ask() -> Client:
        async with open_client(entry, "generate-boats", folder, Params(params)) as client:
            await client.send(request())
            return client

    return asyncio.run(ask())


def test_the_engine_that_an_entry_names_answers_through_the_cache_of_the_checkout(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    with serving(responds()) as server:
        engines = PARAMS["engines"] | {"openai": {"url": server.url}}
        clients = [opened(llm(engine="openai"), PARAMS | {"engines": engines}, tmp_path) for _ in range(2)]
    assert [(client.usage.asked, client.usage.reused) for client in clients] == [(1, 0), (0, 1)]
    assert (tmp_path / ".scratch/requests.db").exists()


def test_recorded_responses_go_through_no_cache_and_no_budget(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    body = {"model": "m-1", "choices": [{"message": {"content": "because"}, "finish_reason": "stop"}]}
    line = {"custom_id": request().key, "response": {"status_code": 200, "body": body}}
    (tmp_path / "recorded.jsonl").write_text(json.dumps(line), encoding="utf-8")
    client = opened(llm(), PARAMS | {"budget": {"tokens": 0, "cost": None}}, tmp_path / "recorded.jsonl")
    assert client.usage.asked == 1
    assert not (tmp_path / ".scratch").exists()


def test_an_unknown_engine_is_an_error_that_lists_the_known_ones(tmp_path):
    with pytest.raises(UserError, match="no engine 'vlm': there are batch, openai, seq2seq, transformers, vllm"):
        opened(llm(engine="vlm"), PARAMS, tmp_path)
