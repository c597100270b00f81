"""Requests, their keys, and the cache under all engines: nothing is asked for twice."""

import errno
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relseed.llm.cache import Cache
from relseed.llm.request import Message, Request
from relseed.pipeline.errors import UserError
from tests.graph import ROOT
from tests.scripted import request, response

# The key


def test_the_key_of_a_request_is_the_same_on_every_machine():
    asked = request("wörum?", response_schema={"b": 1, "a": [2]})
    assert asked.key == "0fb37155a86a7e545785ade456f58169980e8e5d4a0c1e82372e22cab4a8250e"
    assert asked.key == request("wörum?", response_schema={"a": [2], "b": 1}).key


@pytest.mark.parametrize(
    "change",
    [
        {"model": "n"},
        {"revision": "abc"},
        {"messages": (Message(role="system", content="why?"),)},
        {"adapter": "boats"},
        {"response_schema": {"type": "string"}},
        {"temperature": 0.9},
        {"top_p": 0.8},
        {"max_tokens": 17},
        {"seed": 2},
    ],
    ids=lambda change: next(iter(change)),
)
def test_whatever_changes_in_a_request_changes_its_key(change):
    assert request(**change).key != request().key


@given(st.text(), st.text())
def test_two_prompts_share_a_key_only_if_they_are_one(first, second):
    try:
        keys = request(first).key, request(second).key
    except UnicodeEncodeError:  # lone surrogates are no text
        return
    assert (keys[0] == keys[1]) == (first == second)


def test_a_request_is_read_back_from_what_it_is_written_as():
    asked = request("wörum?", revision="abc", adapter="boats", response_schema={"type": "string"})
    assert Request.model_validate_json(asked.model_dump_json()) == asked


# The cache


def test_a_response_is_there_when_the_cache_is_opened_again(tmp_path):
    cache = Cache(tmp_path / "cache.db")
    assert cache.get(request()) is None
    cache.put(request(), response())
    cache.close()
    assert Cache(tmp_path / "cache.db").get(request()) == response()


def test_the_first_response_to_a_request_stays(tmp_path):
    cache = Cache(tmp_path / "cache.db")
    cache.put(request(), response("first"))
    cache.put(request(), response("second"))
    assert (cache.get(request()).text, len(cache)) == ("first", 1)


def test_a_file_that_is_no_cache_is_an_error_with_a_cure(tmp_path):
    (tmp_path / "cache.db").write_text("something else entirely, and long enough to look like a header")
    with pytest.raises(UserError, match=r"cache\.db is no request cache.* move it away"):
        Cache(tmp_path / "cache.db")


def test_a_cache_that_cannot_be_opened_is_not_taken_for_a_spoilt_one(tmp_path):
    (tmp_path / "cache.db").mkdir()
    with pytest.raises(UserError, match=r"request cache .*cache\.db cannot be used now .* that you may write there"):
        Cache(tmp_path / "cache.db")


def test_a_row_that_is_no_response_is_an_error_with_a_cure(tmp_path):
    cache = Cache(tmp_path / "cache.db")
    with sqlite3.connect(tmp_path / "cache.db") as connection:
        connection.execute("INSERT INTO completions VALUES (?, '{}', '{}')", (request().key,))
    with pytest.raises(UserError, match=r"something else than a response .* move the file away"):
        cache.get(request())


def test_a_cache_that_is_damaged_later_on_is_an_error_with_a_cure(tmp_path):
    path = tmp_path / "cache.db"
    cache = Cache(path)
    for number in range(50):
        cache.put(request(str(number)), response("because " * 100))
    cache.close()
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"cache\.db is no request cache, or damaged .* move it away"):
        Cache(path).get(request("7"))


def test_a_disk_that_fills_up_keeps_what_is_in_flight_and_says_so(tmp_path, monkeypatch):
    cache = Cache(tmp_path / "cache.db")
    spare = tmp_path / "cache.db.spare"

    class Full:
        """A connection to a database on a disk that has room once the spare is gone."""

        def __init__(self, connection: sqlite3.Connection) -> None:
            self._connection = connection

        def execute(self, query: str, *values: object) -> sqlite3.Cursor:
            if query.startswith("INSERT") and spare.exists():
                raise sqlite3.OperationalError("database or disk is full")
            return self._connection.execute(query, *values)

        def close(self) -> None:
            self._connection.close()

    monkeypatch.setattr(cache, "_connection", Full(cache._connection))
    with pytest.raises(UserError, match=r"cannot be used now \(database or disk is full\): see that the disk has room"):
        cache.put(request("first"), response())
    assert cache.put(request("in flight"), response()) == response()
    assert len(cache) == 2


def test_a_disk_that_is_nearly_full_is_said_before_anything_is_asked(tmp_path, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(UserError, match=r"cannot be used now .*No space left on device.*: see that the disk has room"):
        Cache(tmp_path / "cache.db")


WRITER = """
import sys
from pathlib import Path
from relseed.llm.cache import Cache
from tests.scripted import request, response
cache = Cache(Path(sys.argv[1]))
for number in range(int(sys.argv[2]), int(sys.argv[2]) + 10**6):
    cache.put(request(str(number)), response(str(number)))
    print(number, flush=True)
"""


def test_what_put_returned_from_survives_kill_9(tmp_path):
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path / "cache.db"), "0"], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    put = [int(writer.stdout.readline()) for _ in range(20)]
    os.kill(writer.pid, signal.SIGKILL)
    writer.wait()
    cache = Cache(tmp_path / "cache.db")
    assert [cache.get(request(str(number))).text for number in put] == [str(number) for number in put]


def test_two_processes_may_fill_one_cache_at_once(tmp_path):
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER.replace("10**6", "30"), str(tmp_path / "cache.db"), start], cwd=ROOT
        )
        for start in ("0", "1000")
    ]
    assert [writer.wait() for writer in writers] == [0, 0]
    assert len(Cache(tmp_path / "cache.db")) == 60


def test_a_regular_expression_is_sent_as_vllm_takes_it_and_a_schema_as_the_protocol_has_it():
    by_regex, by_schema = (request(response_schema=schema).body() for schema in ({"regex": "a+"}, {"type": "object"}))
    assert by_regex["structured_outputs"] == {"regex": "a+"}
    assert "response_format" not in by_regex
    assert by_schema["response_format"]["json_schema"]["schema"] == {"type": "object"}
