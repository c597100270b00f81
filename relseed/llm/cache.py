"""The request cache: every response on disk before the next step, so that nothing is asked or paid for twice."""

import fcntl
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
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
_SPARE = 4 << 20  # bytes held back for what is in flight when the disk fills up
_INSERT = "INSERT OR IGNORE INTO completions VALUES (?, ?, ?)"
_DELETE = "DELETE FROM completions WHERE key = ?"
_SELECT = "SELECT completion FROM completions WHERE key = ?"


class Cache:
    """Responses by request key in one SQLite file, which several processes and threads may share.

    A response that `put` returned from is on disk: it outlives the process and, if the disk writes what it says it
    writes, a power cut. Files beside it: `.lock`, in which each request that is being asked locks a byte, and `.spare`,
    room for what is in flight when the disk fills up.
    """

    def __init__(self, path: Path) -> None:
        """Open the cache, an empty one if there is none.

        Raises:
            UserError: The file is no request cache, or cannot be written now, or the disk is full.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path, self._spare = path, path.with_name(f"{path.name}.spare")
        self._lock = threading.Lock()
        with self._told():
            self._connection = _opened(path)
        try:
            _hold_back(self._spare)
            self._asking = path.with_name(f"{path.name}.lock").open("wb")
        except OSError as error:
            self._connection.close()
            raise self._unusable(error) from error
        self._reserved: set[str] = set()  # keys, by this process

    def get(self, request: Request) -> Response | None:
        """The response to a request, or None if there is none yet.

        Raises:
            UserError: What is stored is not a response of this version, or the file is damaged.
        """
        row = self._row(_SELECT, request.key)
        response = None if row is None else self._read(request, row)
        if response is not None and response.broken_off:  # kept by a version that took it for an answer
            with self._lock, self._told():
                self._connection.execute(_DELETE, (request.key,))
            return None
        return response

    def put(self, request: Request, response: Response) -> Response:
        """Keep a response. The first one to a request stays, and is returned.

        Raises:
            UserError: The disk is full. Where it is for the first time, the response is kept all the same, and there
                is room for those in flight.
        """
        row = (request.key, request.canonical, response.model_dump_json())
        with self._lock, self._told():
            try:
                self._connection.execute(_INSERT, row)
            except sqlite3.OperationalError as error:
                if "locked" in str(error):
                    raise
                self._spare.unlink(missing_ok=True)
                self._connection.execute(_INSERT, row)
                raise
            with closing(self._connection.execute(_SELECT, (request.key,))) as rows:
                return self._read(request, rows.fetchone())

    def reserve(self, request: Request) -> bool:
        """Whether no other task and no other process is asking this request; from then on this one is."""
        if request.key in self._reserved:
            return False
        try:
            fcntl.lockf(self._asking, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _byte(request))
        except (BlockingIOError, PermissionError):  # either says that another process holds it
            return False
        except OSError:  # a file system without locks: both ask, and `put` has them agree
            pass
        self._reserved.add(request.key)
        return True

    def release(self, request: Request) -> None:
        """End what `reserve` began; the end of the process does so, too."""
        self._reserved.discard(request.key)
        with suppress(OSError):
            fcntl.lockf(self._asking, fcntl.LOCK_UN, 1, _byte(request))

    def __len__(self) -> int:
        return int(self._row("SELECT count(*) FROM completions")[0])

    def close(self) -> None:
        """Close the file; WAL is written back into it."""
        with self._lock:
            self._connection.close()
        self._asking.close()

    def _row(self, query: str, *values: str) -> Any:
        """The first row that a query finds, or None; no cursor is left open, which would hold back WAL."""
        with self._lock, self._told(), closing(self._connection.execute(query, values)) as rows:
            return rows.fetchone()

    def _read(self, request: Request, row: Any) -> Response:
        try:
            return Response.model_validate_json(row[0])
        except ValidationError as error:
            raise UserError(
                f"{self._path} holds something else than a response under {request.key} ({error.error_count()} "
                "problems): move the file away, responses are then asked for again"
            ) from error

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Tell errors of the database in the block to a person."""
        try:
            yield
        except sqlite3.OperationalError as error:  # locked, a full disk, no permission: its content is fine
            raise self._unusable(error) from error
        except sqlite3.DatabaseError as error:
            raise UserError(
                f"{self._path} is no request cache, or damaged ({error}): move it away with the files {self._path}-*, "
                "responses are then asked for again. `sqlite3 FILE .recover` may save some"
            ) from error

    def _unusable(self, error: Exception) -> UserError:
        return UserError(
            f"the request cache {self._path} cannot be used now ({error}): see that the disk has room, that you may "
            "write there, and that no other process holds it. What was answered before is kept"
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


def _hold_back(spare: Path) -> None:
    """Take room on the disk that a full disk gives back.

    Raises:
        OSError: There is not so much room.
    """
    if spare.exists() and spare.stat().st_size == _SPARE:
        return
    try:
        spare.write_bytes(bytes(_SPARE))
    except OSError:
        spare.unlink(missing_ok=True)
        raise


def _byte(request: Request) -> int:
    """The byte of the lock file that stands for a request: two requests share one in 2^60 cases."""
    return int(request.key[:15], 16)
