"""Keys and passwords stand in nothing that is printed or written, and a key that cannot be sent is said at once."""

import asyncio
import base64
import json
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from relseed.generation.runner import RequestRunner
from relseed.llm.cache import Cache
from relseed.llm.client import Client, open_client
from relseed.llm.engines.batch import read_responses
from relseed.llm.engines.openai import Endpoint, Limits
from relseed.llm.engines.statuses import KEY
from relseed.llm.llm import LLM
from relseed.llm.request import RequestFailedError
from relseed.pipeline.errors import UserError, printable
from relseed.pipeline.params import Params
from relseed.pipeline.secrets import redacted
from tests.graph import ROOT
from tests.hostile import Server, chat, repeats_key, serving
from tests.scripted import FREE, UNLIMITED, request

SECRET = "sk-Zq7/x+9%4=kLm"
PARAMS = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
LIMITS = Limits(concurrency=2, timeout=5, attempts=1, outage=0, rate_limit_timeout=0, backoff=0.01)


@pytest.fixture(autouse=True)
def key(monkeypatch) -> str:
    monkeypatch.setenv(KEY, SECRET)
    return SECRET


def sent(server: Server, folder: Path) -> str:
    """All that one request leaves behind: its exchange or error, as a runner has it, and the files of the cache."""

    async def send() -> str:
        endpoint, cache = Endpoint("openai", server.url, LIMITS), Cache(folder / "requests.db")
        runner = RequestRunner(Client(endpoint, cache, UNLIMITED, FREE), "secrets", 1)
        task = runner.send("m/unit/0", request(), lambda *_, **__: ())
        try:
            [exchange] = await runner.run([task])
            return exchange.model_dump_json()
        except UserError as error:
            return str(error)
        finally:
            await endpoint.close()
            cache.close()

    left = asyncio.run(send())
    return left + "".join(path.read_bytes().decode("latin-1") for path in folder.iterdir())


@pytest.mark.parametrize("status", [400, 413, 418, 422, 429, 500])
def test_a_key_that_an_endpoint_repeats_in_an_error_stands_in_no_message_and_no_file(status, tmp_path, capfd):
    with serving(repeats_key(status, '{"error": {"message": {}}}')) as server:
        left = sent(server, tmp_path)
    assert "Bearer ***" in left
    assert SECRET not in left + "".join(capfd.readouterr())


@pytest.mark.parametrize("status", [200, 400])
def test_a_key_that_an_endpoint_repeats_in_a_body_of_no_known_form_stands_nowhere(status, tmp_path, capfd):
    with serving(repeats_key(status, '{"choices": {}}')) as server:
        left = sent(server, tmp_path)
    assert SECRET not in left + "".join(capfd.readouterr())


def test_a_key_that_an_answer_holds_is_neither_cached_nor_written(tmp_path, capfd):
    def tells(handler) -> None:
        handler.send(200, chat(f"your key is {handler.headers['authorization']}"))

    with serving(tells) as server:
        left = sent(server, tmp_path)
    assert "your key is Bearer ***" in left
    assert SECRET not in left + "".join(capfd.readouterr())


def test_a_key_that_a_file_of_a_batch_repeats_stands_in_no_refusal(tmp_path):
    line = {"custom_id": "k", "response": {"status_code": 400, "body": {"error": f"Bearer {SECRET}"}}}
    (tmp_path / "a.jsonl").write_text(json.dumps(line), encoding="utf-8")
    assert SECRET not in str(read_responses(tmp_path)["k"])


@pytest.mark.parametrize(
    "written",
    [
        SECRET,
        json.dumps(f"Bearer {SECRET}"),
        repr(f"Bearer {SECRET}"),
        quote(SECRET, safe=""),
        base64.b64encode(SECRET.encode()).decode(),
    ],
)
def test_a_key_is_hidden_however_it_is_escaped(written):
    assert redacted(f"header: {written}!").replace("Bearer ", "").strip("'\"") in (
        "header: ***!",
        'header: "***"!',
        "header: '***'!",
    )


@given(st.text(max_size=20), st.text(max_size=20))
def test_whatever_stands_around_a_key_it_is_hidden(before, after):
    assert SECRET not in redacted(before + SECRET + after)


@pytest.mark.parametrize("word", ["none", "EMPTY", "ollama", "x"])
def test_a_plain_word_that_local_servers_take_for_a_key_is_hidden_where_it_is_sent_and_left_in_sentences(
    word, monkeypatch
):
    monkeypatch.setenv(KEY, word)
    assert redacted(f"Authorization: Bearer {word}") == "Authorization: Bearer ***"
    assert redacted(f"the {word} box, {word}") == f"the {word} box, {word}"


@pytest.mark.parametrize("address", ["http://user:pa@ss@host/v1", "https://token@host", "postgresql://u:p,w@host/db"])
def test_the_password_of_an_address_is_hidden(address):
    assert redacted(f"{address}: refused") == f"{address.split('//')[0]}//***@{address.rpartition('@')[2]}: refused"


def test_a_password_in_the_address_of_the_endpoint_is_hidden_also_in_the_header_that_it_is_sent_in(tmp_path):
    with serving(repeats_key(400, '{"error": {"message": {}}}')) as server:
        server.userinfo = "me:open-sesame-1"
        left = sent(server, tmp_path)
    assert "Basic ***" in left
    assert "open-sesame-1" not in left


@pytest.mark.parametrize(
    ("key", "says"),
    [
        ("sk-abc\n", "a line end"),
        ("sk-abc\r", "a line end"),
        (" sk-abc", "a blank"),
        ("sk abc", "a blank"),
        ("sk-abc\t", "a blank"),
        ('"sk-abc"', "a quote"),
        ("sk-'abc", "a quote"),
        ("sk-äbc", "a character that is not ASCII"),
        ("sk-a\u00a0bc", "a blank"),
        ("sk-abc\x1b", "a control character"),
    ],
)
def test_a_key_that_cannot_be_sent_is_said_before_anything_is_asked(key, says, monkeypatch, tmp_path):
    monkeypatch.setenv(KEY, key)
    monkeypatch.chdir(tmp_path)
    with serving() as server, pytest.raises(UserError, match=f"OPENAI_API_KEY holds {says}") as caught:
        asyncio.run(opened(server.url))
    assert "abc" not in str(caught.value)
    assert not server.requests


@pytest.mark.parametrize("url", ["localhost:8000/v1", "ftp://host/v1", "http:///v1", "", "//host/v1"])
def test_an_address_that_is_none_is_said_before_anything_is_asked(url, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"engines\.openai\.url: an address begins with http:// or https://"):
        asyncio.run(opened(url))


async def opened(url: str) -> None:
    engines = PARAMS["engines"] | {"openai": {"url": url}}
    llm = LLM(**PARAMS["llms"]["teacher"] | {"engine": "openai", "model": "m"})
    async with open_client(llm, "secrets", Path("nowhere"), Params(PARAMS | {"engines": engines})) as client:
        await client.send(request())


def test_errors_show_no_secret_and_no_control_character():
    assert str(UserError(f"{SECRET} \x1b[31mred\x00\n\tnext")) == "*** \\x1b[31mred\\x00\n\tnext"
    assert str(RequestFailedError("refused", f"{SECRET}\x07")) == "refused: ***\\x07"
    assert printable("wörum?") == "wörum?"


def test_the_traceback_of_a_defect_shows_no_secret(tmp_path):
    script = tmp_path / "stage.py"
    script.write_text(
        "import os\nfrom relseed.pipeline.command import run\n"
        f"def main() -> None:\n    raise KeyError(os.environ['{KEY}'])\nrun(main)\n",
        encoding="utf-8",
    )
    environment = {"PYTHONPATH": str(ROOT), KEY: SECRET}
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, cwd=ROOT, env=environment)
    assert done.stderr.endswith("KeyError: '***'\n")
    assert SECRET not in done.stdout + done.stderr
