"""The request cache: every response on disk before the next step, so that nothing is asked or paid for twice."""

import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from relseed.llm.request import Request, Response
from relseed.pipeline.errors import UserError

_TABLE = """
CREATE TABLE IF NOT EXISTS completions (
    key TEXT PRIMARY KEY,
    request TEXT NOT NULL,
    completion TEXT NOT NULL
) WITHOUT ROWID
"""
_LOCK_TIMEOUT = 60  # seconds to wait for another process that writes


class Cache:
    """Responses by request key in one SQLite file, which several processes and threads may share.

    A response that `put` returned from is on disk: it outlives the process and, if the disk writes what it says it
    writes, a power cut.
    """

    def __init__(self, path: Path) -> None:
        """Open the cache, an empty one if there is none.

        Raises:
            UserError: The file is no request cache, or cannot be written now.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._lock = threading.Lock()
        try:
            self._connection = _opened(path)
        except sqlite3.OperationalError as error:  # locked, a full disk, no permission: its content is fine
            raise _unusable(path, error) from error
        except sqlite3.DatabaseError as error:
            raise UserError(
                f"{path} is no request cache ({error}): move it away, responses are then asked for again"
            ) from error

    def get(self, request: Request) -> Response | None:
        """The response to a request, or None if there is none yet.

        Raises:
            UserError: What is stored is not a response of this version.
        """
        row = self._row("SELECT completion FROM completions WHERE key = ?", request.key)
        if row is None:
            return None
        try:
            response = Response.model_validate_json(row[0])
        except ValidationError as error:
            raise UserError(
                f"{self._path} holds something else than a response under {request.key} ({error.error_count()} "
                "problems): move the file away, responses are then asked for again"
            ) from error

        if response.broken_off:  # kept by a version that took it for an answer
            with self._lock:
                self._connection.execute("DELETE FROM completions WHERE key = ?", (request.key,))
            return None
        return response

    def put(self, request: Request, response: Response) -> None:
        """Keep a response. The first one to a request stays.

        Raises:
            UserError: It cannot be written now.
        """
        row = (request.key, request.canonical, response.model_dump_json())
        try:
            with self._lock:
                self._connection.execute("INSERT OR IGNORE INTO completions VALUES (?, ?, ?)", row)
        except sqlite3.OperationalError as error:
            raise _unusable(self._path, error) from error

    def __len__(self) -> int:
        return int(self._row("SELECT count(*) FROM completions")[0])

    def close(self) -> None:
        """Close the file; WAL is written back into it."""
        with self._lock:
            self._connection.close()

    def _row(self, query: str, *values: str) -> Any:
        """The first row that a query finds, or None; no cursor is left open, which would hold back WAL."""
        with self._lock, closing(self._connection.execute(query, values)) as rows:
            return rows.fetchone()


def _unusable(path: Path, error: sqlite3.OperationalError) -> UserError:
    return UserError(
        f"the request cache {path} cannot be used now ({error}): see that the disk has room, that you may write there, "
        "and that no other process holds it"
    )


def _opened(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_LOCK_TIMEOUT, check_same_thread=False, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute(_TABLE)
    except sqlite3.DatabaseError:
        connection.close()
        raise
    return connection
