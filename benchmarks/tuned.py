"""What DPO does to the small generator: acceptance, copies, diversity and tokens, untuned beside tuned.

    python -m benchmarks.tuned    (after `dvc repro`; about two minutes for each generator seed and method on two cores)

Writes benchmarks/tuned.json: for each method and generator seed what the checks of `filter` say of its drafts. The
judges of `verify` are left out: they would hide what the checks alone let pass.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from stages.generator.pairs import ALIKE
from stages.llm.client import Budget
from stages.pipeline.command import run
from stages.pipeline.params import PARAMS, read_params, section
from stages.quality.checks import Checks, Judge
from stages.records.files import read_examples, read_schema
from stages.write import METHODS
from stages.writing.answers import Answer, read_answers
from stages.writing.judging import summary_of, verdicts

RESULT = Path("benchmarks/tuned.json")


def main(generator_seeds: Annotated[int, typer.Option(help="1, 2, ... of the sampling")] = 3) -> None:
    """Have each method write with each seed, and sum up."""
    runs: dict[str, dict[str, Any]] = {method: {} for method in METHODS}
    for seed in range(1, generator_seeds + 1):
        for method in METHODS:
            start = time.monotonic()
            answers = _written(method, seed)
            runs[method][str(seed)] = _summed_up(method, answers, time.monotonic() - start)
    RESULT.write_text(json.dumps(runs, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def _written(method: str, seed: int) -> list[Answer]:
    """The answers of the stage `write` with another generator seed; the weights are those of this checkout."""
    root = Path.cwd()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        params = read_params()
        params["generator"]["seed"] = seed
        (folder / PARAMS).write_text(yaml.safe_dump(params), encoding="utf-8")
        for part in ("data", "models"):
            (folder / part).symlink_to(root / part)
        command = [sys.executable, "-m", "stages.write", method, "data/dataset/relations.jsonl"]
        command += ["data/seeds/train.jsonl", "data/preferences/base/halves.json", "models/generator", "answers.jsonl"]
        quiet = {"PYTHONPATH": str(root), "DISABLE_MLFLOW_INTEGRATION": "TRUE"}
        subprocess.run(command, cwd=folder, env=os.environ | quiet, check=True)
        return read_answers(folder / "answers.jsonl")


def _summed_up(method: str, answers: list[Answer], seconds: float) -> dict[str, Any]:
    """What the checks say of the drafts; `seconds` are those of the whole stage."""
    schema = read_schema(Path("data/dataset/relations.jsonl"))
    judge = Judge(schema, section(Checks), read_examples(Path("data/seeds/train.jsonl"), schema))
    judged = verdicts(answers, judge)
    pool = summary_of(method, answers, judged, section(Budget))
    tokens = (pool.prompt_tokens or 0) + (pool.completion_tokens or 0)
    return {
        "drafts": pool.drafts,
        "accepted": pool.accepted,
        "rejected": pool.rejected,
        "copies": sum(pool.rejected.get(name, 0) for name in ALIKE),
        "diversity": pool.before.model_dump() if pool.before else None,
        "tokens_per_accepted": tokens / max(1, pool.accepted),
        "seconds_per_accepted": seconds / max(1, pool.accepted),
    }


if __name__ == "__main__":
    run(main)
