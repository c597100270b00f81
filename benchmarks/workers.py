"""How long `score` takes by one process, by two workers on this machine, and by two nodes of a Ray cluster.

    python -m benchmarks.workers 8192    # after `dvc repro`, with Ray: pip install 'relseed[ray]'

So many accepted examples, no two the same, are scored by criteria that look at each alone; the real stage runs in a
temporary folder, and nothing is known when it starts. The nodes run on this machine, each with room for one worker, and
their start does not count. CPU seconds are those of the stage and of all that it starts, and on the nodes what they
take meanwhile. Every way must write the same bytes, or there is no result. MLflow is off, and PyTorch has one thread.
Writes benchmarks/workers.json.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

import psutil
import typer
import yaml

from benchmarks.finetune import machine
from relseed.criteria.cache import CHUNK
from relseed.pipeline.command import guarded
from relseed.pipeline.params import PARAMS
from relseed.pipeline.workers import Workers
from relseed.records.files import write_json_lines
from tests.workers import nodes

RESULT = Path(__file__).with_suffix(".json")
CRITERIA = ("grammar", "complexity", "sentiment")
WAYS = ONE, TWO, NODES = "one process", "two workers", "two nodes"
_METHOD = "some"  # as if a method of this name had written them
_BETWEEN = 0.2  # seconds between two looks at the processes
_LABELS, _SEEDS = Path("data/dataset/labels.jsonl").resolve(), Path("data/seeds/train.jsonl").resolve()


def main(count: int) -> None:
    """Measure with so many examples, print and write."""
    examples = accepted(count)
    criteria = {criterion: compare(criterion, examples) for criterion in CRITERIA}
    result = {
        "examples": len(examples),
        "chunk": CHUNK,
        "criteria": criteria,
        "command": f"python -m benchmarks.workers {count}",
        "machine": machine(),
    }
    RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def accepted(count: int) -> list[dict[str, Any]]:
    """The first so many different accepted examples, file by file.

    Raises:
        SystemExit: There are fewer.
    """
    lines = (line for path in sorted(Path("data/accepted").glob("*.jsonl")) for line in path.open(encoding="utf-8"))
    found: dict[str, dict[str, Any]] = {}
    for example in map(json.loads, lines):
        if len(found) < count:
            found.setdefault(json.dumps([example["text"], example["head"], example["tail"]]), example)
    if len(found) < count:
        raise SystemExit(f"data/accepted has {len(found)} different examples, fewer than {count}: run `dvc repro`")
    return list(found.values())


def compare(criterion: str, examples: Sequence[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """What a criterion takes, each way.

    Raises:
        SystemExit: Two ways wrote different bytes.
    """
    took, written = {}, set()
    for way in WAYS:
        with tempfile.TemporaryDirectory(prefix="relseed-workers-") as name, _workers(way) as workers:
            folder = Path(name)
            prepare(folder, criterion, workers, examples)
            took[way] = _run(folder, criterion)
            written.add((folder / f"data/scores/{criterion}.jsonl").read_bytes())
        print(f"{criterion}, {way}: {took[way]['wall']:.1f} s, CPU {took[way]['cpu']:.1f} s", flush=True)
    if len(written) > 1:
        raise SystemExit(f"the scores of {criterion} differ between {', '.join(took)}")
    return took


@contextmanager
def _workers(way: str) -> Iterator[Workers]:
    """The parameters of a way; the nodes run as long as they are needed."""
    with nodes(2) if way == NODES else nullcontext() as address:
        yield Workers(count=1 if way == ONE else 2, address=address)


def prepare(folder: Path, criterion: str, workers: Workers, examples: Sequence[dict[str, Any]]) -> None:
    """Write the examples and a params.yaml: that of the repository with this criterion and these workers."""
    values: dict[str, Any] = yaml.safe_load(PARAMS.read_text(encoding="utf-8"))
    entry = values["criteria"][criterion] | {"reads": str(_SEEDS), "methods": [_METHOD]}
    changed = {"criteria": {criterion: entry}, "workers": workers.model_dump()}
    write_json_lines(folder / f"data/accepted/{_METHOD}.jsonl", examples)
    (folder / PARAMS).write_text(yaml.safe_dump(values | changed), encoding="utf-8")


def _run(folder: Path, criterion: str) -> dict[str, float]:
    """Run the stage to its end; what it took."""
    paths = ["--accepted", "data/accepted", "--scores", "data/scores", "--labels", str(_LABELS), "--seeds", str(_SEEDS)]
    named = {"DVC_STAGE": f"score@{criterion}", "DVC_ROOT": str(folder), "PYTHONPATH": str(Path.cwd())}
    quiet = {"DISABLE_MLFLOW_INTEGRATION": "TRUE", "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "stages.score", *paths]
    log = folder / "log"
    before = sum(_cpu().values())
    taken: dict[int, float] = {}
    begun = time.monotonic()
    with log.open("wb") as file:
        process = subprocess.Popen(command, cwd=folder, env=os.environ | named | quiet, stdout=file, stderr=file)
        while process.poll() is None:
            taken |= _cpu()
            time.sleep(_BETWEEN)
    seconds = time.monotonic() - begun
    if process.returncode:
        printed = log.read_text(encoding="utf-8")[-3000:]
        raise SystemExit(f"score@{criterion} ended with {process.returncode}:\n{printed}")
    return {"wall": round(seconds, 1), "cpu": round(sum(taken.values()) - before, 1)}


def _cpu() -> dict[int, float]:
    """CPU seconds of each process that this one started, or those."""
    found = {}
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            times = child.cpu_times()
            found[child.pid] = times.user + times.system
    return found


if __name__ == "__main__":
    app = typer.Typer(add_completion=False)
    app.command()(main)
    guarded(app)
