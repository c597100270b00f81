"""What the small LM writes after one example, by each way to choose the next (Lee et al. 2023), over generations.

    python -m benchmarks.strategies naive     # or random, contrastive, similar, tree; or "free", tree without a grammar

Writes benchmarks/strategies.json: for each strategy what the rules accept of SmolLM2's sentences and what they take,
and how they change by generation, as the stage `drift` has it. All begin with the same seeds and draw the same random
numbers; the way to choose is the only difference. It runs in this checkout's data (`dvc repro sample`).
"""

import json
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from benchmarks.results import update_results
from benchmarks.tuned import merged, run_stage
from relseed.generation.summary import read_summary
from relseed.pipeline.command import run
from relseed.pipeline.params import PARAMS, Params

RESULT = Path("benchmarks/strategies.json")
METHOD = "creator_smollm2"
LABELS, SEEDS, REAL = "data/dataset/labels.jsonl", "data/seeds/train.jsonl", "data/dataset/train.jsonl"
STRATEGIES: Mapping[str, Mapping[str, Any]] = {
    **{choose: {"methods": {METHOD: {"choose": choose}}} for choose in ("naive", "random", "contrastive", "similar")},
    "tree": {"methods": {METHOD: {"choose": "tree"}}},
    "free": {"methods": {METHOD: {"choose": "tree"}}, "llms": {"smollm2_free": {"structured_output": False}}},
}


def main(strategy: Annotated[str, typer.Argument(help=", ".join(STRATEGIES))]) -> None:
    """Have the small LM write, and sum up."""
    if strategy not in STRATEGIES:
        raise typer.BadParameter(f"no strategy {strategy!r}: there are {', '.join(STRATEGIES)}")
    values = changed(Params.read().values, strategy)
    with tempfile.TemporaryDirectory() as name:
        update_results(RESULT, strategy, {"changes": STRATEGIES[strategy], **measured(Path(name), values)})


def changed(values: Mapping[str, Any], strategy: str) -> dict[str, Any]:
    """The parameters of a strategy."""
    drift = {**values["drifts"]["creator"], "reads": f"data/candidates/{METHOD}.jsonl"}
    return {**merged(values, STRATEGIES[strategy]), "drifts": {METHOD: drift}}


def measured(folder: Path, values: Mapping[str, Any]) -> dict[str, Any]:
    """What came of it; `seconds` are those of the whole stage `generate`."""
    (folder / PARAMS).write_text(yaml.safe_dump(dict(values)), encoding="utf-8")
    for part in ("candidates", "accepted", "rejected"):
        (folder / "data" / part).mkdir(parents=True)
    for part in ("dataset", "seeds", "almanac"):
        (folder / "data" / part).symlink_to(Path.cwd() / "data" / part)
    start = time.monotonic()
    shared = ("--labels", LABELS, "--seeds", SEEDS)
    run_stage(folder, "generate", "--method", METHOD, *shared, "--candidates", "data/candidates")
    seconds = time.monotonic() - start
    files = ("--candidates", "data/candidates", "--accepted", "data/accepted", "--rejected", "data/rejected")
    run_stage(folder, "filter", "--method", METHOD, *shared, *files, "--summary", ".")
    summary = read_summary(folder / f"{METHOD}.json")
    found = {**summary.model_dump(mode="json"), "label_balance": summary.label_balance, "seconds": round(seconds, 1)}
    return {"summary": found, "drift": _drift(folder, shared) if summary.accepted > 1 else None}


def _drift(folder: Path, shared: tuple[str, ...]) -> dict[str, Any]:
    others = ("--accepted", "data/accepted", "--real", REAL, "--measured", "drift")
    run_stage(folder, "drift", "--drift", METHOD, *shared, *others)
    found: dict[str, Any] = json.loads((folder / f"drift/{METHOD}.json").read_text(encoding="utf-8"))
    return found


if __name__ == "__main__":
    run(main)
