"""A real vLLM, on the processor, with a tiny random model: served by ourselves, and answering an exported batch."""

import asyncio
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from relseed.llm.cache import Cache
from relseed.llm.client import Client
from relseed.llm.engines.batch import export_line, read_responses
from relseed.llm.engines.openai import Endpoint, Limits
from relseed.llm.engines.vllm import serving
from relseed.llm.engines.weights import weights_path
from relseed.llm.llm import LLM
from relseed.llm.request import Message, Request, Response
from relseed.pipeline.errors import UserError
from relseed.preference.dpo import Dpo, build_trainer
from relseed.preference.pair import PreferencePair
from relseed.tasks.structured import json_schema
from tests.graph import ROOT
from tests.methods import PARAMS
from tests.scripted import FREE, UNLIMITED
from tests.tiny_llm import born_in, save_tiny_llm
from tests.vllm import OPTIONS, commands, params

LIMITS = Limits(concurrency=8, timeout=60, attempts=2, outage=0, rate_limit_timeout=5, backoff=0.1)
PROMPT = born_in(2)


@pytest.fixture(scope="module")
def vllm() -> str:
    """The command of `make vllm`; where CI is set, it must be there."""
    command = ROOT / ".vllm/bin/vllm"
    if not command.exists():
        missing = "no vLLM is installed: run `make vllm`"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    return str(command)


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return save_tiny_llm(tmp_path_factory.mktemp("llm"))


@pytest.fixture(scope="module", autouse=True)
def small() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VLLM_TARGET_DEVICE", "cpu")
        patch.setenv("VLLM_CPU_KVCACHE_SPACE", "1")
        patch.setenv("HF_HUB_OFFLINE", "1")
        patch.setenv("VLLM_NO_USAGE_STATS", "1")
        yield


def request(model: Path, seed: int = 1) -> Request:
    return Request(
        model=str(model),
        messages=(Message(role="user", content="Write."),),
        response_schema=PROMPT.response_schema(),
        temperature=1,
        top_p=1,
        max_tokens=1500,
        seed=seed,
    )


@pytest.mark.parametrize("copies", [{}, {"tensor_parallel_size": 2}, {"data_parallel_size": 2}], ids=str)
def test_it_serves_responses_held_to_their_schema_and_leaves_nothing_behind(vllm, model, tmp_path, monkeypatch, copies):
    async def ask() -> tuple[list[Response], str]:
        async with serving(params(command=vllm, **copies), str(model), None, log) as url:
            endpoint = Endpoint("vllm", url, LIMITS)
            client = Client(endpoint, Cache(tmp_path / "cache.db"), UNLIMITED, FREE)
            responses = await asyncio.gather(*(client.send(request(model, seed)) for seed in range(4)))
            again = await client.send(request(model, 0))
            assert (client.usage.asked, client.usage.reused) == (4, 1)
            assert again == responses[0]
            await endpoint.close()
            return list(responses), url

    if copies:  # vLLM would have each on a NUMA node of its own
        monkeypatch.setenv("VLLM_CPU_OMP_THREADS_BIND", "0|1")
    log = tmp_path / "logs/vllm.log"
    responses, url = asyncio.run(ask())
    assert "stop" in {response.finish for response in responses}
    for response in responses:
        if response.finish == "stop":
            assert_right(response.text)
        assert response.completion_tokens
        assert response.prompt_tokens
    assert "Application startup complete" in log.read_text(encoding="utf-8")
    with pytest.raises(requests.ConnectionError):
        requests.get(url, timeout=2)
    assert not [command for command in commands() if str(model) in " ".join(command)]


def assert_right(text: str) -> None:
    candidates = PROMPT.parse("x", text, truncated=False)
    assert len(candidates) == 2
    for candidate in candidates:
        assert candidate.problem is None
        assert [candidate.text.count(tag) for tag in ("<e1>", "</e1>", "<e2>", "</e2>")] == [1, 1, 1, 1]
        assert candidate.fields == {"relation": "born in", "head_type": "PERSON", "tail_type": "PLACE"}


def test_run_batch_answers_what_we_export(vllm, model, tmp_path):
    asked = [request(model, seed) for seed in range(3)]
    exported, recorded = tmp_path / "open.jsonl", tmp_path / "recorded.jsonl"
    exported.write_text("".join(map(export_line, asked)), encoding="utf-8")
    command = [vllm, "run-batch", "-i", str(exported), "-o", str(recorded), "--model", str(model)]
    subprocess.run([*command, "--max-model-len", "2048", *OPTIONS], check=True, capture_output=True, timeout=300)
    responses = read_responses(recorded)
    assert set(responses) == {request.key for request in asked}
    for response in responses.values():
        assert isinstance(response, Response)
        if response.finish == "stop":
            assert_right(response.text)


def test_a_server_that_ends_by_itself_is_an_error_with_its_last_words(vllm, tmp_path):
    async def start() -> None:
        async with serving(params(command=vllm), str(tmp_path / "no-model"), None, tmp_path / "log"):
            raise AssertionError("it cannot serve what is not there")

    with pytest.raises(UserError, match="vLLM ended with status") as error:
        asyncio.run(start())
    assert "no-model" in str(error.value)


def test_smollm2_answers_by_its_name_with_and_without_an_adapter_that_dpo_made_held_to_schemas(vllm, tmp_path):
    smollm2 = LLM(**PARAMS["llms"]["smollm2"])
    train_adapter(weights_path(smollm2.model, smollm2.revision), tmp_path)
    asked = Request(
        model=smollm2.model,
        revision=smollm2.revision,
        messages=(Message(role="user", content="Name a city."),),
        response_schema={"regex": "(Paris|Rome) is a city\\."},
        temperature=1,
        top_p=1,
        max_tokens=24,
        seed=1,
    )
    each = [asked, asked.model_copy(update={"response_schema": json_schema(city={"enum": ["Paris", "Rome"]})})]
    each.append(asked.model_copy(update={"adapter": "half"}))

    async def ask() -> list[Response]:
        served = params(command=vllm, lora={"half": str(tmp_path / "half")})
        async with serving(served, smollm2.model, smollm2.revision, tmp_path / "vllm.log") as url:
            endpoint = Endpoint("vllm", url, LIMITS)
            responses = await asyncio.gather(*map(endpoint.complete, each))
            await endpoint.close()
            return list(responses)

    by_regex, by_schema, tuned = asyncio.run(ask())
    assert (by_regex.model, by_schema.model, tuned.model) == (smollm2.model, smollm2.model, "half")
    assert {by_regex.text, tuned.text} <= {"Paris is a city.", "Rome is a city."}
    assert json.loads(by_schema.text)["city"] in ("Paris", "Rome")


def train_adapter(model: str, folder: Path) -> None:
    """Put an adapter into the folder `half`."""
    prompt = (Message(role="user", content="Write."),)
    pairs = [
        PreferencePair(id=str(number), flaw="exact_copy", prompt=prompt, chosen=f"<e1>{number}", rejected="<e2>")
        for number in range(8)
    ]
    settings = {
        "reads": "data/pairs",
        "model": model,
        "beta": 0.1,
        "lora_rank": 8,
        "lora_alpha": 16,
        "target_modules": ["q_proj", "v_proj"],
        "lr": 1e-2,
        "max_steps": 1,
        "batch_size": 2,
        "warmup_ratio": 0.0,
        "max_length": 128,
        "save_steps": 1,
        "precision": "fp32",
        "seed": 1,
    }
    trainer = build_trainer(Dpo(**settings), pairs, folder / "state")
    trainer.train()
    trainer.model.save_pretrained(folder / "half")
