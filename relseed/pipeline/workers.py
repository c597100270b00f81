"""Work that several processes share, on this machine or on the machines of a Ray cluster: the result is the same.

What is worked on comes in chunks that do not depend on the number of workers, so that what is batched together does not
either.
"""

import logging
import os
import pickle
import socket
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from secrets import token_hex
from typing import Any, TypeVar, cast

from pydantic import Field, PositiveInt

from relseed.pipeline.errors import UserError
from relseed.pipeline.params import Section
from relseed.pipeline.progress import bar

_PATIENCE = 10  # seconds, for a cluster to answer
_TOKEN = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token_hex(32)}  # or Ray keeps one in the user's home
_QUIET: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
Chunk = TypeVar("Chunk")
Result = TypeVar("Result")


class Workers(Section):
    """Processes that share the work of a stage; no result depends on them."""

    count: PositiveInt  # 1: the stage's own process
    # Of a running Ray cluster, host:port; None: a cluster on this machine that ends with the stage.
    address: str | None = Field(pattern=r"^[\w.-]+:\d+$")


def mapped(
    prepare: Callable[[], Callable[[Chunk], Result]], chunks: Sequence[Chunk], workers: Workers, *, threads: int
) -> Iterator[Result]:
    """What the work makes of each chunk, in the order of the chunks.

    `prepare` loads what the work needs and returns it; each process calls it once. A single chunk is worked on here.
    For more than one worker, `prepare`, chunks and results can be pickled, and each worker computes with `threads`.

    Raises:
        UserError: Ray is missing, its cluster cannot be joined, or the work itself raises it.
    """
    if min(workers.count, len(chunks)) <= 1:
        yield from map(prepare(), chunks)
        return
    with _cluster(workers, threads):
        yield from _by_ray(prepare, chunks, workers.count)


@contextmanager
def _cluster(workers: Workers, threads: int) -> Iterator[None]:
    """Join the cluster, or start one that ends with the block."""
    if find_spec("ray") is None:
        cure = "`pip install 'relseed[ray]'`, or set it to 1"
        raise UserError(f"workers.count is {workers.count}, and more than one worker need Ray: {cure}")
    # Threads decide the last digits of sums; Ray would have workers wait for whatever else runs.
    same = {"OMP_NUM_THREADS": str(threads), "RAY_worker_niceness": "0"}
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_BACKEND_LOG_LEVEL": "fatal"}
    if workers.address is None:
        os.environ |= _TOKEN | dict(os.environ) | same
    import ray  # reads the environment

    with tempfile.TemporaryDirectory(prefix="relseed-ray-") as folder:
        try:
            if workers.address is None:
                own: dict[str, Any] = {"_node_ip_address": "127.0.0.1", "_temp_dir": folder, "include_dashboard": False}
                ray.init("local", num_cpus=workers.count, **own, **_QUIET)
            else:
                _join(workers.address, same)
            yield
        finally:
            ray.shutdown()


def _join(address: str, environment: Mapping[str, str]) -> None:
    import ray

    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=_PATIENCE).close()  # Ray would try for minutes, and exit
        ray.init(address, runtime_env={"env_vars": dict(environment)}, **_QUIET)
    except (OSError, RuntimeError) as error:
        cure = "`ray start --head` prints the address of a cluster; null starts one on this machine"
        raise UserError(f"workers.address: cannot join a Ray cluster at {address} ({error}): {cure}") from None


def _by_ray(prepare: Callable[[], Callable[[Chunk], Result]], chunks: Sequence[Chunk], count: int) -> Iterator[Result]:
    import ray.data

    logging.getLogger("ray.data").setLevel(logging.ERROR)
    context = ray.data.DataContext.get_current()
    context.execution_options.preserve_order = True
    context.enable_progress_bars = False
    rows = [{"chunk": pickle.dumps(chunk)} for chunk in chunks]
    done = ray.data.from_items(rows, override_num_blocks=len(rows)).map(
        cast(Any, _Worker),  # Ray's types know no classes here
        fn_constructor_args=(Path.cwd(), pickle.dumps(prepare)),
        compute=ray.data.ActorPoolStrategy(size=count, max_tasks_in_flight_per_actor=1),
        num_cpus=1,
    )
    for row in bar(done.iter_rows(), desc=f"{count} workers", unit="chunk", total=len(rows)):
        if row["problem"]:
            raise UserError(row["problem"])
        yield pickle.loads(row["result"])


class _Worker:
    """The work in a process of its own, prepared for the first chunk; chunks and results are rows of Ray Data."""

    def __init__(self, folder: Path, prepare: bytes) -> None:
        self._folder, self._prepare = folder, prepare
        self._work: Callable[[Any], Any] | None = None

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        try:
            if self._work is None:
                self._work = self._prepared()
            return {"result": pickle.dumps(self._work(pickle.loads(row["chunk"]))), "problem": ""}
        except UserError as error:  # as a row: Ray would put it inside of an error of its own
            return {"result": b"", "problem": f"{error} (on {socket.gethostname()})"}

    def _prepared(self) -> Callable[[Any], Any]:
        if not self._folder.is_dir():
            raise UserError(f"there is no {self._folder}: share this folder between the machines of the cluster")
        os.chdir(self._folder)
        prepare: Callable[[], Callable[[Any], Any]] = pickle.loads(self._prepare)
        return prepare()
