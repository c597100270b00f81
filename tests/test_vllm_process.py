"""The server that the engine vllm starts: its command, its end, and the end of all that it started."""

import asyncio
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from relseed.llm.engines.engine import Setup
from relseed.llm.engines.vllm import command_line, opened, serving
from relseed.pipeline.errors import UserError
from relseed.pipeline.params import Params
from tests.graph import ROOT
from tests.vllm import commands, params

# That no other process on the machine sleeps for: what a made-up server leaves behind is found by it.
SLEEP = ["sleep", f"1000.{os.getpid()}"]


def made_up(folder: Path, *lines: str) -> str:
    """A command that stands in for `vllm`: a shell script."""
    command = folder / "made-up"
    command.write_text("\n".join(["#!/bin/sh", *lines, ""]), encoding="utf-8")
    command.chmod(0o755)
    return str(command)


def serve(folder: Path, command: str, **changes: float) -> None:
    """Start a server, and end it."""

    async def start() -> None:
        async with serving(params(command=command, **changes), "m", None, folder / "log"):
            pass

    asyncio.run(start())


def test_a_command_that_is_not_there_is_an_error_with_the_cure(tmp_path):
    with pytest.raises(UserError, match="pip install vllm"):
        serve(tmp_path, "no-such-vllm")


def test_a_server_that_is_never_ready_is_given_up_with_all_its_children(tmp_path):
    slow = made_up(tmp_path, "echo still loading", f"{shlex.join(SLEEP)} &", "wait")
    before = time.monotonic()
    with pytest.raises(UserError, match=r"not ready within 2 s: raise engines\.vllm[\s\S]*still loading"):
        serve(tmp_path, slow, startup_timeout=2)
    assert time.monotonic() - before < 20
    assert SLEEP not in commands()


def test_children_that_outlive_a_server_are_ended_with_it(tmp_path):
    orphan = made_up(tmp_path, "echo gone", f"{shlex.join(SLEEP)} &", "exit 3")
    with pytest.raises(UserError, match=r"ended with status 3[\s\S]*gone"):
        serve(tmp_path, orphan)
    assert SLEEP not in commands()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_stage_that_is_asked_to_end_takes_its_server_with_it(tmp_path, number):
    slow = made_up(tmp_path, f"{shlex.join(SLEEP)} &", "wait")
    code = (
        "import asyncio, sys, pathlib; from relseed.llm.engines.vllm import Vllm, serving\n"
        "async def main():\n"
        "    async with serving(Vllm.model_validate_json(sys.argv[1]), 'm', None, pathlib.Path(sys.argv[2])): pass\n"
        "asyncio.run(main())"
    )
    command = [sys.executable, "-c", code, params(command=slow).model_dump_json(), str(tmp_path / "log")]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL) as stage:
        while SLEEP not in commands():
            assert stage.poll() is None
            time.sleep(0.1)
        stage.send_signal(number)
        stage.wait(30)
    assert SLEEP not in commands()


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
    with pytest.raises(KeyboardInterrupt, match="SIGTERM"):
        serve(tmp_path, made_up(tmp_path, shlex.join(SLEEP)))
    assert started[0].poll() is not None


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


def test_an_adapter_without_a_folder_is_an_error_before_anything_is_started(tmp_path):
    engine = params(command="no-such-vllm", lora={"first": "models/a"}).model_dump()
    setup = Setup("m", None, "second", {}, "generate", tmp_path, Params({"engines": {"vllm": engine}}))

    async def start() -> None:
        async with opened(setup):
            pass

    with pytest.raises(UserError, match=r"engines\.vllm\.lora has no folder for the adapter 'second'"):
        asyncio.run(start())
