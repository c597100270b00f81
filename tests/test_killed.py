"""A stage that has examples written and is killed at any moment resumes from where it was."""

import hashlib
import json
import os
import random
import shutil
import signal
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from stages import generate
from tests.graph import ROOT
from tests.hostile import Handler, Server, chat, serving

KILLS = {"one_by_one": 20, "creator": 8}
PER_LABEL = 30
ONE_EACH = {"per_label": PER_LABEL, "max_request_factor": 1.0}
SETTINGS = {"one_by_one": ONE_EACH, "creator": ONE_EACH | {"per_request": 2}}
LABELS = ("founded_by", "born_in", "no_relation")


@pytest.mark.parametrize("method", SETTINGS)
def test_a_stage_killed_at_random_moments_asks_nothing_twice_and_misses_nothing(method, tmp_path, monkeypatch):
    with serving(writes) as server:
        whole = project(tmp_path / "whole", server)
        assert os.waitstatus_to_exitcode(waited(start(whole, method, monkeypatch))) == 0
        server.requests.clear()
        killed = project(tmp_path / "killed", server)
        finished: dict[str, int] = {}
        rng = random.Random(7)
        for _ in range(KILLS[method]):
            kill(start(killed, method, monkeypatch), server, rng)
            finished |= {prompt: server.requests[prompt] for prompt in answered(killed) if prompt not in finished}
        assert 0 < len(finished) < len(written(whole, method))
        assert os.waitstatus_to_exitcode(waited(start(killed, method, monkeypatch))) == 0
    assert {prompt: server.requests[prompt] for prompt in finished} == finished
    assert candidates(killed, method) == candidates(whole, method)
    assert sum(len(line["candidates"]) for line in written(whole, method)) == PER_LABEL * len(LABELS)


def writes(handler: Handler) -> None:
    """Respond with sentences that no other prompt gets, after a moment."""
    time.sleep(0.01)
    asked = handler.body["response_format"]["json_schema"]["schema"]["properties"]["samples"]
    samples = [sample(f"{handler.prompt}{number}") for number in range(asked["minItems"])]
    wanted = asked["items"].get("anyOf", [asked["items"]])
    for number, written in enumerate(samples):
        if answer := wanted[min(number, len(wanted) - 1)]["properties"].get("answer"):
            written["answer"] = answer["enum"][0]
    handler.send(200, chat(json.dumps({"samples": samples})))


def sample(text: str) -> dict[str, str]:
    words = hashlib.sha256(text.encode()).hexdigest()
    parts = [words[start : start + 6] for start in range(0, 48, 6)]
    sentence = f"<e1>{parts[0]}</e1> and <e2>{parts[1]}</e2> of {' '.join(parts[2:])}"
    return {"sentence": sentence, "head_type": "PERSON", "tail_type": "LOCATION"}


def project(folder: Path, server: Server) -> Path:
    """A folder in which `stages.generate` runs: parameters, three relations, two seeds of each."""
    folder.mkdir()
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    params["llms"]["teacher"] |= {"engine": "openai", "model": "m"}
    params["engines"]["openai"]["url"] = server.url
    for method, settings in SETTINGS.items():
        params["methods"][method] |= settings
    params["rules"] |= {"language": None, "near_duplicate": 1.0, "near_duplicate_masked": None, "min_words": 1}
    (folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    relations = [{"relation": label, "definition": label, "negative": label == "no_relation"} for label in LABELS]
    types = {"head_type": "PERSON", "tail_type": "LOCATION"}
    lines(folder / "labels.jsonl", [relation | types for relation in relations])
    head, tail = {"start": 0, "end": 3, "type": "PERSON"}, {"start": 8, "end": 11, "type": "LOCATION"}
    lines(
        folder / "seeds.jsonl",
        [
            {"id": f"{label}-{n}", "text": f"Ana and Ulm, {label} {n}.", "head": head, "tail": tail, "relation": label}
            for label in LABELS
            for n in range(2)
        ],
    )
    return folder


def lines(path: Path, records: list[dict]) -> None:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")


def start(folder: Path, method: str, monkeypatch: pytest.MonkeyPatch) -> int:
    """The stage in a process of its own, forked so that it need not import everything again."""
    monkeypatch.setenv("DISABLE_MLFLOW_INTEGRATION", "TRUE")
    monkeypatch.delenv("DVC_ROOT", raising=False)
    if child := os.fork():
        return child
    try:
        os.setsid()
        os.chdir(folder)
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        generate.main(method, labels=Path("labels.jsonl"), seeds=Path("seeds.jsonl"), candidates=Path())
    except BaseException:
        os._exit(1)
    os._exit(0)


def kill(child: int, server: Server, rng: random.Random) -> None:
    """Kill the stage once it has sent one to five requests more, and a random moment later."""
    sent = sum(server.requests.values()) + rng.randint(1, 5)
    until(lambda: sum(server.requests.values()) >= sent)
    time.sleep(rng.uniform(0, 0.03))
    os.kill(child, signal.SIGKILL)
    waited(child)


def until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not done():
        assert time.monotonic() < deadline, "the stage sends no request"
        time.sleep(0.002)


def waited(child: int) -> int:
    return os.waitpid(child, 0)[1]


def answered(folder: Path) -> set[str]:
    """The prompts whose responses are on disk."""
    if not (folder / ".scratch/requests.db").exists():
        return set()
    copied = shutil.copytree(folder / ".scratch", folder / "copy", dirs_exist_ok=True)
    connection = sqlite3.connect(copied / "requests.db")
    try:
        rows = connection.execute("SELECT request FROM completions").fetchall()
    except sqlite3.OperationalError:  # killed before the table was made
        return set()
    finally:
        connection.close()
        shutil.rmtree(copied)
    return {json.loads(request)["messages"][-1]["content"] for (request,) in rows}


def candidates(folder: Path, method: str) -> bytes:
    return (folder / f"{method}.jsonl").read_bytes()


def written(folder: Path, method: str) -> list[dict]:
    """The exchanges, one for each request."""
    return list(map(json.loads, candidates(folder, method).splitlines()))
