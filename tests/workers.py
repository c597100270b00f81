"""Work that tests share out, found by its name in every process, and nodes that it is shared between."""

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from secrets import token_hex

from relseed.pipeline.errors import UserError

TOKEN = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token_hex(32)}  # of all clusters of a process: Ray reads it once
_PATIENCE = 120  # seconds


def doubling(folder: Path, count: int, most: int) -> Callable[[int], tuple[int, int, int]]:
    """Twice a number, with the process that doubled it and the one that started that; none is greater than `most`.

    Each process signs in the folder, and waits until there are `count`.
    """
    (folder / str(os.getpid())).touch()
    deadline = time.monotonic() + _PATIENCE
    while len(list(folder.iterdir())) < count:
        if time.monotonic() > deadline:
            raise TimeoutError(f"fewer than {count} workers")
        time.sleep(0.05)

    def doubled(number: int) -> tuple[int, int, int]:
        if number > most:
            raise UserError(f"{number} is too great")
        return 2 * number, os.getpid(), os.getppid()

    return doubled


@contextmanager
def nodes(count: int) -> Iterator[str]:
    """The address of a Ray cluster of so many nodes on this machine, each with room for one worker."""
    os.environ |= TOKEN
    with tempfile.TemporaryDirectory(prefix="relseed-nodes-") as folder, ExitStack() as stack:
        port = _free_port()
        head = ["--head", f"--port={port}", f"--temp-dir={folder}", "--include-dashboard=false"]
        for options in [head, *[[f"--address=127.0.0.1:{port}"]] * (count - 1)]:
            command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--num-cpus=1", *options]
            command += ["--node-ip-address=127.0.0.1", "--disable-usage-stats"]
            process = stack.enter_context(subprocess.Popen(command, stdout=subprocess.DEVNULL))
            stack.callback(process.terminate)
            _until_open(port)
        yield f"127.0.0.1:{port}"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _until_open(port: int) -> None:
    deadline = time.monotonic() + _PATIENCE
    while True:
        with suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
            return
        if time.monotonic() > deadline:
            raise TimeoutError("no Ray cluster has started")
        time.sleep(0.2)
