"""A real vLLM, on the processor, with a tiny random model: served by ourselves, and answering an exported batch."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import requests

from relseed.llm.cache import Cache
from relseed.llm.client import Budget, Client
from relseed.llm.engines.batch import export_line, read_answers
from relseed.llm.engines.openai import Endpoint, Limits
from relseed.llm.engines.vllm import Vllm, command_line, serving
from relseed.llm.request import Completion, Message, Request
from relseed.pipeline.errors import UserError
from relseed.preference.dpo import Dpo, trainer_of
from relseed.preference.pairs import Pair
from tests.graph import ROOT
from tests.tiny_llm import born_in, save_tiny_llm

LIMITS = Limits(concurrency=8, timeout=60, attempts=2, patience=5, pause=0.1)
FREE = Budget(tokens=None, cost=None, prompt_price=None, completion_price=None)
OPTIONS = ("--dtype", "bfloat16", "--enforce-eager", "--max-num-seqs", "8")
SAMPLES = born_in(2)


def params(**changes) -> Vllm:
    fields = {
        "command": "vllm",
        "tensor_parallel_size": 1,
        "data_parallel_size": 1,
        "executor": "mp",
        "max_model_len": 2048,
        "lora": {},
        "start_within": 240,
        "options": OPTIONS,
    }
    return Vllm(**fields | changes)


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
        answer=SAMPLES.answer(),
        temperature=1,
        top_p=1,
        max_tokens=1500,
        seed=seed,
    )


def test_it_serves_constrained_answers_and_leaves_nothing_behind(vllm, model, tmp_path):
    async def ask() -> tuple[list[Completion], str]:
        async with serving(params(command=vllm), str(model), None, log) as url:
            endpoint = Endpoint("vllm", url, LIMITS)
            client = Client(endpoint, Cache(tmp_path / "cache.db"), FREE)
            completions = await asyncio.gather(*(client.ask(request(model, seed)) for seed in range(4)))
            again = await client.ask(request(model, 0))
            assert (client.spent.asked, client.spent.reused) == (4, 1)
            assert again == completions[0]
            await endpoint.close()
            return list(completions), url

    log = tmp_path / "logs/vllm.log"
    completions, url = asyncio.run(ask())
    assert "stop" in {one.finish for one in completions}
    for one in completions:
        if one.finish == "stop":
            assert_right(one.text)
        assert one.completion_tokens
        assert one.prompt_tokens
    assert "Application startup complete" in log.read_text(encoding="utf-8")
    with pytest.raises(requests.ConnectionError):
        requests.get(url, timeout=2)
    assert not [one for one in psutil.process_iter(["cmdline"]) if str(model) in " ".join(one.info["cmdline"] or [])]


def assert_right(text: str) -> None:
    drafts = SAMPLES.parse("x", text, truncated=False)
    assert len(drafts) == 2
    for draft in drafts:
        assert draft.problem is None
        assert [draft.text.count(tag) for tag in ("<e1>", "</e1>", "<e2>", "</e2>")] == [1, 1, 1, 1]
        assert (draft.head_type, draft.tail_type) == ("PERSON", "PLACE")


def test_run_batch_answers_what_we_export(vllm, model, tmp_path):
    asked = [request(model, seed) for seed in range(3)]
    exported, answers = tmp_path / "open.jsonl", tmp_path / "answers/one.jsonl"
    answers.parent.mkdir()
    exported.write_text("".join(map(export_line, asked)), encoding="utf-8")
    command = [vllm, "run-batch", "-i", str(exported), "-o", str(answers), "--model", str(model)]
    subprocess.run([*command, "--max-model-len", "2048", *OPTIONS], check=True, capture_output=True, timeout=300)
    recorded = read_answers(answers.parent)
    assert set(recorded) == {one.key for one in asked}
    for one in recorded.values():
        assert isinstance(one, Completion)
        if one.finish == "stop":
            assert_right(one.text)


def test_a_server_that_ends_by_itself_is_an_error_with_its_last_words(vllm, tmp_path):
    async def start() -> None:
        async with serving(params(command=vllm), str(tmp_path / "no-model"), None, tmp_path / "log"):
            raise AssertionError("it cannot serve what is not there")

    with pytest.raises(UserError, match="vLLM ended with status") as error:
        asyncio.run(start())
    assert "no-model" in str(error.value)


def test_a_command_that_is_not_there_is_an_error_with_the_cure(tmp_path):
    async def start() -> None:
        async with serving(params(command="no-such-vllm"), "m", None, tmp_path / "log"):
            pass

    with pytest.raises(UserError, match="pip install vllm"):
        asyncio.run(start())


def test_a_server_that_is_never_ready_is_given_up_with_all_its_children(tmp_path):
    slow = tmp_path / "slow"
    slow.write_text("#!/bin/sh\necho still loading\nsleep 1000 &\nwait\n", encoding="utf-8")
    slow.chmod(0o755)

    async def start() -> None:
        async with serving(params(command=str(slow), start_within=2), "m", None, tmp_path / "log"):
            pass

    before = time.monotonic()
    with pytest.raises(UserError, match="still loading"):
        asyncio.run(start())
    assert time.monotonic() - before < 20
    assert not [one for one in psutil.process_iter(["cmdline"]) if one.info["cmdline"] == ["sleep", "1000"]]


def test_children_that_outlive_a_server_are_ended_with_it(tmp_path):
    orphan = tmp_path / "orphan"
    orphan.write_text("#!/bin/sh\necho gone\nsleep 1001 &\nexit 3\n", encoding="utf-8")
    orphan.chmod(0o755)

    async def start() -> None:
        async with serving(params(command=str(orphan)), "m", None, tmp_path / "log"):
            pass

    with pytest.raises(UserError, match="ended with status 3"):
        asyncio.run(start())
    assert not [one for one in psutil.process_iter(["cmdline"]) if one.info["cmdline"] == ["sleep", "1001"]]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_stage_that_is_asked_to_end_takes_its_server_with_it(tmp_path, number):
    slow = tmp_path / "slow"
    slow.write_text(f"#!/bin/sh\nsleep 100{number:d} &\nwait\n", encoding="utf-8")
    slow.chmod(0o755)
    code = (
        "import asyncio, sys, pathlib; from relseed.llm.engines.vllm import Vllm, serving\n"
        "async def main():\n"
        "    async with serving(Vllm.model_validate_json(sys.argv[1]), 'm', None, pathlib.Path(sys.argv[2])): pass\n"
        "asyncio.run(main())"
    )
    command = [sys.executable, "-c", code, params(command=str(slow)).model_dump_json(), str(tmp_path / "log")]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL) as stage:
        ours = ["sleep", f"100{number:d}"]
        while not [one for one in psutil.process_iter(["cmdline"]) if one.info["cmdline"] == ours]:
            time.sleep(0.1)
        stage.send_signal(number)
        stage.wait(30)
    assert not [one for one in psutil.process_iter(["cmdline"]) if one.info["cmdline"] == ours]


def test_a_request_to_end_that_comes_while_the_server_is_being_started_is_kept_until_it_can_be_stopped(
    tmp_path, monkeypatch
):
    begin = subprocess.Popen
    started: list[subprocess.Popen] = []

    def interrupted(*arguments, **options):
        started.append(begin(*arguments, **options))
        signal.raise_signal(signal.SIGTERM)
        return started[-1]

    monkeypatch.setattr(subprocess, "Popen", interrupted)
    slow = tmp_path / "slow"
    slow.write_text("#!/bin/sh\nsleep 1000\n", encoding="utf-8")
    slow.chmod(0o755)
    with pytest.raises(KeyboardInterrupt, match="SIGTERM"):
        asyncio.run(_served(params(command=str(slow)), tmp_path / "log"))
    assert started[0].poll() is not None


async def _served(options: Vllm, log: Path) -> None:
    async with serving(options, "m", None, log):
        pass


def test_parallelism_adapters_and_ray_are_passed_on():
    command = command_line(
        params(
            tensor_parallel_size=2, data_parallel_size=4, executor="ray", lora={"first": "models/a"}, options=("-x",)
        ),
        "m",
        "rev",
        80,
    )
    told = " ".join(command)
    for part in (
        "vllm serve m --host 127.0.0.1 --port 80 --revision rev",
        "--tensor-parallel-size 2 --data-parallel-size 4 --distributed-executor-backend ray",
        "--max-model-len 2048 --enable-lora --lora-modules first=models/a -x",
    ):
        assert part in told


def test_an_adapter_that_dpo_made_answers_by_its_name(vllm, model, tmp_path):
    asked = Message(role="user", content="Write.")
    pairs = [Pair(id=str(n), kind="exact_copy", prompt=(asked,), chosen=f"<e1>{n}", rejected="<e2>") for n in range(8)]
    dpo = Dpo(
        beta=0.1, rank=8, alpha=16, targets=("q_proj", "v_proj"), lr=1e-2, updates=4, batch_size=2, warmup=0.0,
        max_length=128, save_every=4, precision="fp32", seed=1,
    )  # fmt: skip
    trainer = trainer_of(dpo, str(model), pairs, tmp_path / "state")
    trainer.train()
    trainer.model.save_pretrained(tmp_path / "half")

    async def ask() -> list[Completion]:
        served = params(command=vllm, lora={"half": str(tmp_path / "half")})
        async with serving(served, str(model), None, tmp_path / "vllm.log") as url:
            endpoint = Endpoint("vllm", url, LIMITS)
            plain = request(model).model_copy(update={"max_tokens": 40})
            both = await asyncio.gather(*map(endpoint.complete, (plain, plain.model_copy(update={"adapter": "half"}))))
            await endpoint.close()
            return list(both)

    plain, tuned = asyncio.run(ask())
    assert (plain.model, tuned.model) == (str(model), "half")
    assert tuned.completion_tokens
