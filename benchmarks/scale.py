"""How the way from entity tuples to a training set grows with their number: the real stages, each in its own process.

    python -m benchmarks.scale 1000 10000 100000

`generate` (the loop per_tuple, 12 tuples a request), `filter`, `score` (by two criteria), `rank` (without blends) and
`select` (the best of each tuple) run in a temporary folder on a made-up schema of 255 relations (scale_data.py); an
endpoint in a process of its own answers at once. Of each stage are measured wall seconds, CPU seconds and peak memory,
by `wait4`. Growth between two sizes is the exponent of CPU seconds, less those that the stage takes to start: what it
takes on ten tuples. Stages that take minutes on 10,000 tuples are measured up to there: of more tuples, all sentences
are accepted without `filter`, and ranked by sentiment alone. MLflow is off, and PyTorch has one thread. Writes
benchmarks/scale.json.
"""

import json
import math
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import typer
import yaml

from benchmarks import scale_data
from relseed.generation.exchanges import read_exchanges
from relseed.pipeline.command import guarded
from relseed.pipeline.params import PARAMS
from relseed.quality.rules import RuleSettings
from relseed.records.files import write_json_lines, write_records
from relseed.tasks.relation import TASK
from relseed.tasks.task import read_examples, read_schema

RESULT = Path(__file__).with_suffix(".json")
START = 10  # tuples of the run that shows what a stage takes to start
METHOD = "written"
CRITERIA: Mapping[str, Mapping[str, Any]] = {
    "sentiment": {},
    "grammar": {"ignored": ["Spelling", "Capitalization"], "penalty": 0.25},
}
SLOW = (f"filter@{METHOD}", "score@grammar")
SLOW_UP_TO = 10_000  # tuples that slow stages are measured on
_LABELS, _SEEDS, _TUPLES, _CARD = "data/labels.jsonl", "data/seeds.jsonl", "data/tuples.jsonl", "data/card.json"
_ACCEPTED, _SCORES, _RANKED = "data/accepted", "data/scores", "data/ranked"
_BOTH = ("--labels", _LABELS, "--seeds", _SEEDS)
STAGES: Mapping[str, Sequence[str]] = {
    f"generate@{METHOD}": (*_BOTH, "--candidates", "data/candidates"),
    f"filter@{METHOD}": (
        *(*_BOTH, "--candidates", "data/candidates", "--accepted", _ACCEPTED),
        *("--rejected", "data/rejected", "--summary", "results/methods"),
    ),
    **{f"score@{name}": (*_BOTH, "--accepted", _ACCEPTED, "--scores", _SCORES) for name in CRITERIA},
    "rank@best": (*_BOTH, "--ranked", _RANKED, "--blends", "data/blends", "--summary", "results/rankings"),
    "select@best": (*_BOTH, "--dataset-card", _CARD, "--reviews", "data/reviews", "--training", "data/training"),
}


def main(sizes: list[int]) -> None:
    """Measure at each size, print, and write as far as it has come."""
    runs: list[dict[str, Any]] = []
    with _endpoint() as url:
        start = measure(START, url)
        for size in sorted(sizes):
            runs.append(measure(size, url))
            RESULT.write_text(json.dumps(_result(start, runs), indent=1) + "\n", encoding="utf-8")
    print(RESULT.read_text(encoding="utf-8"))


def _result(start: Mapping[str, Any], runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    sizes = [run["tuples"] for run in runs]
    return {
        "start": start,
        "sizes": {str(size): run for size, run in zip(sizes, runs, strict=True)},
        "growth": {
            f"{first[0]} to {second[0]}": growth(start, first, second)
            for first, second in pairwise(zip(sizes, runs, strict=True))
        },
        "command": f"python -m benchmarks.scale {' '.join(map(str, sizes))}",
        "machine": f"{platform.machine()}, {os.cpu_count()} processors, endpoint on the same",
    }


def growth(
    start: Mapping[str, Any], first: tuple[int, Mapping[str, Any]], second: tuple[int, Mapping[str, Any]]
) -> dict[str, float | None]:
    """The exponent by which the CPU seconds of each stage of both grow; None where it takes no longer than to start."""
    found: dict[str, float | None] = {}
    for stage in [stage for stage in first[1]["stages"] if stage in second[1]["stages"]]:
        less, more = (run["stages"][stage]["cpu"] - start["stages"][stage]["cpu"] for _, run in (first, second))
        known = less > 0 and more > 0
        found[stage] = round(math.log(more / less) / math.log(second[0] / first[0]), 2) if known else None
    return found


def measure(size: int, url: str) -> dict[str, Any]:
    """What each stage takes on so many tuples, and how many examples are in the training set."""
    with tempfile.TemporaryDirectory(prefix="relseed-scale-") as name:
        folder = Path(name)
        prepare(folder, size, url)
        stages = {}
        for stage, options in STAGES.items():
            if measured(stage, size):
                stages[stage] = _run(folder, stage, options)
            elif stage.startswith("filter"):
                _accept_all(folder)
        selected = (folder / "data/training/best.jsonl").read_bytes().count(b"\n")
    return {"tuples": size, "selected": selected, "stages": stages}


def measured(stage: str, size: int) -> bool:
    """Whether a stage is measured on so many tuples."""
    return stage not in SLOW or size <= SLOW_UP_TO


def _accept_all(folder: Path) -> None:
    """Write what `filter` would accept: it has nothing to reject in made-up sentences."""
    schema = read_schema(folder / _LABELS, TASK)
    settings = RuleSettings.model_validate(yaml.safe_load(PARAMS.read_text(encoding="utf-8"))["rules"])
    rules = TASK.rules(schema, read_examples(folder / _SEEDS, TASK, schema), settings)
    exchanges = read_exchanges(folder / f"data/candidates/{METHOD}.jsonl")
    examples = (rules.example(candidate) for exchange in exchanges for candidate in exchange.candidates)
    write_records(folder / _ACCEPTED / f"{METHOD}.jsonl", examples)


def prepare(folder: Path, size: int, url: str) -> None:
    """Write what the stages read, and their params.yaml: that of the repository with entries of its own."""
    write_json_lines(folder / _LABELS, scale_data.relations())
    write_json_lines(folder / _SEEDS, scale_data.seeds())
    write_json_lines(folder / _TUPLES, scale_data.tuples(size))
    card = {"name": "made up", "licence": "CC BY 4.0", "source": "made by rule"}
    (folder / _CARD).write_text(json.dumps(card), encoding="utf-8")
    (folder / PARAMS).write_text(yaml.safe_dump(params(size, url)), encoding="utf-8")


def params(size: int, url: str) -> dict[str, Any]:
    """The params.yaml of a run."""
    values: dict[str, Any] = yaml.safe_load(PARAMS.read_text(encoding="utf-8"))
    values["engines"]["openai"]["url"] = url
    values["llms"]["teacher"]["engine"] = "openai"
    about = {"reads": _SEEDS, "about": _TUPLES, "per_label": size, "demonstrations": scale_data.SEEDS}
    changed = {"negatives": [], "reasoning": False} | about
    entries: dict[str, dict[str, Any]] = {
        "methods": {METHOD: values["methods"]["reasoned"] | changed},
        "criteria": {name: {"reads": _SEEDS, "methods": [METHOD], **own} for name, own in CRITERIA.items()},
        "rankings": {"best": values["rankings"]["amalrec"] | _ranking(size)},
        "training_sets": {
            "best": {
                **{"reads": f"{_RANKED}/best.jsonl", "seeds": True, "methods": [METHOD]},
                **{"per_label": size, "negatives": {}, "top": 1},
            }
        },
    }
    return values | entries


def _ranking(size: int) -> dict[str, Any]:
    criteria = [name for name in CRITERIA if measured(f"score@{name}", size)]
    weights = {name: 1 / len(criteria) for name in criteria}
    return {"reads": _SCORES, "recorded": _SEEDS, "methods": [METHOD], "weights": weights, "blend": None}


def _run(folder: Path, stage: str, options: Sequence[str]) -> dict[str, float]:
    """Run a stage to its end; what it took."""
    named = {"DVC_STAGE": stage, "DVC_ROOT": str(folder), "PYTHONPATH": str(Path.cwd())}
    quiet = {"DISABLE_MLFLOW_INTEGRATION": "TRUE", "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", f"stages.{stage.partition('@')[0]}", *options]
    log = folder / f"{stage}.log"
    begun = time.monotonic()
    with log.open("wb") as file:
        process = subprocess.Popen(command, cwd=folder, env=os.environ | named | quiet, stdout=file, stderr=file)
        _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{stage} ended with {process.returncode}:\n{log.read_text(encoding='utf-8')[-3000:]}")
    cpu, memory = usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6  # Linux counts in KiB
    print(f"{stage}: {seconds:.1f} s, CPU {cpu:.1f} s, {memory:.0f} MB", flush=True)
    return {"wall": round(seconds, 2), "cpu": round(cpu, 2), "memory_mb": round(memory)}


@contextmanager
def _endpoint() -> Iterator[str]:
    """The address of an endpoint, in a process of its own, that answers as scale_data says."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        ours.send(None)
        process.join()


def _serve(connection: Connection) -> None:
    from tests.hostile import chat, serving

    with serving(lambda handler: handler.send(200, chat(scale_data.respond(handler.prompt)))) as server:
        connection.send(server.url)
        connection.recv()


if __name__ == "__main__":
    app = typer.Typer(add_completion=False)
    app.command()(main)
    guarded(app)
