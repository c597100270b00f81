"""The place that runs go to: a database in the repository, or the server that MLFLOW_TRACKING_URI names."""

import os
import socket
import sqlite3
from collections.abc import Callable
from concurrent.futures import Future, wait
from contextlib import AbstractContextManager, closing, nullcontext, suppress
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

import requests
from filelock import FileLock

if TYPE_CHECKING:
    from mlflow import MlflowClient

Result = TypeVar("Result")

# A dead server may cost a stage two seconds: the first question to it and one more that it leaves unanswered.
_PROBE_SECONDS = 0.8
_FILE_SECONDS = 30  # of one that sends a file
_LOCK_SECONDS = 60  # as long as a crowd of first runs may take on a slow disk
_DATABASE_PORTS = {"postgresql": 5432, "mysql": 3306, "mssql": 1433}
_DEFAULTS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "1",
    "MLFLOW_LOGGING_LEVEL": "CRITICAL",  # a failure is said once, by us
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}


class Store(NamedTuple):
    """An open tracking store and the id of the experiment in it."""

    client: "MlflowClient"
    experiment_id: str
    is_file: bool  # a database in a file, which is waited for

    def in_time(self, call: Callable[..., Result], *values: Any, **named: Any) -> Result:
        """Make a call, of the client or of mlflow, and wait for a server no longer than a stage may.

        Raises:
            Exception: What the call raises, or a TimeoutError.
        """
        if self.is_file:
            return call(*values, **named)
        seconds = _FILE_SECONDS if getattr(call, "__name__", "") == "log_artifact" else _call_seconds()
        return within(seconds, lambda: call(*values, **named))


def store_uri(root: Path) -> str:
    """Where runs go: MLFLOW_TRACKING_URI, else the database in `root`."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{root}/mlflow.db"


def open_store(root: Path) -> Store:
    """Open the store, and create it and the experiment (MLFLOW_EXPERIMENT_NAME, else `relseed`) where needed.

    MLflow is imported only once the store is known to answer. Processes take turns at a database:
    one that two of them create at once stays broken.

    Raises:
        Exception: Whatever is wrong with the store, within about a second.
    """
    uri = store_uri(root)
    is_file = uri.startswith("sqlite:")
    turn: AbstractContextManager[object] = _turn(root) if is_file else nullcontext()
    with turn:
        within(_PROBE_SECONDS + 0.2, lambda: _probe(uri, _PROBE_SECONDS))
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)
    import mlflow

    with turn:
        mlflow.set_tracking_uri(uri)
        client = mlflow.MlflowClient()
        if is_file:
            return Store(client, _experiment(client, str(root / "mlartifacts")), is_file)
        return Store(client, within(_call_seconds(), lambda: _experiment(client, None)), is_file)


def _turn(root: Path) -> FileLock:
    (root / ".scratch").mkdir(exist_ok=True)
    return FileLock(root / ".scratch" / "mlflow.lock", timeout=_LOCK_SECONDS)


def _experiment(client: "MlflowClient", artifacts: str | None) -> str:
    """The experiment's id; `artifacts` is set because MLflow would choose a folder of a temporary DVC experiment."""
    from mlflow import MlflowException

    name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or "relseed"
    if found := client.get_experiment_by_name(name):
        return str(found.experiment_id)
    try:
        return str(client.create_experiment(name, artifact_location=artifacts))
    except MlflowException:  # another machine was quicker
        if found := client.get_experiment_by_name(name):
            return str(found.experiment_id)
        raise


def _call_seconds() -> float:
    """How long a call to a server may take, to its last byte: MLflow's own time-out is from one read to the next."""
    timeout, retries = (float(os.environ[f"MLFLOW_HTTP_REQUEST_{name}"]) for name in ("TIMEOUT", "MAX_RETRIES"))
    return (timeout + 1) * (retries + 1)


def within(seconds: float, call: Callable[[], Result]) -> Result:
    """What a call returns, made in a daemon thread: neither looking up a host's name nor reading an answer has an end.

    Raises:
        TimeoutError: It takes longer.
    """
    answer: Future[Result] = Future()

    def make() -> None:
        try:
            answer.set_result(call())
        except Exception as error:
            answer.set_exception(error)

    Thread(target=make, daemon=True).start()
    if not wait([answer], timeout=seconds).done:
        raise TimeoutError(f"no answer within {seconds:g} s")
    return answer.result()


def _probe(uri: str, seconds: float) -> None:
    parts = urlsplit(uri)
    kind = parts.scheme.split("+")[0]
    if kind in ("http", "https"):
        # Certificates are left to MLflow, which has settings for them: whatever is said, something answers.
        with suppress(requests.exceptions.SSLError):
            requests.get(f"{uri.rstrip('/')}/health", timeout=seconds)
    elif kind == "sqlite":
        _probe_sqlite(parts.path[1:], seconds)
    elif kind in _DATABASE_PORTS:
        address = (parts.hostname or "localhost", parts.port or _DATABASE_PORTS[kind])
        socket.create_connection(address, timeout=seconds).close()


def _probe_sqlite(path: str, seconds: float) -> None:
    # MLflow tries ten times, for 100 seconds, to open a database that is damaged, locked or unwritable.
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path, timeout=seconds)) as database:
        database.execute("BEGIN IMMEDIATE")
        database.execute("SELECT count(*) FROM sqlite_master")
