"""What an LM writes after one example, by each way to choose the next (Lee et al. 2023), over generations.

    python -m benchmarks.strategies naive            # or random, contrastive, similar, tree: SmolLM2's sentences
    python -m benchmarks.strategies free             # the same by a tree without a grammar
    python -m benchmarks.strategies recorded-naive   # or another of the five: 80 recorded sentences of Claude
    python -m benchmarks.strategies first-10         # or 55, 70, 95, 110: 32 of them that grew from that seed by a tree

Writes benchmarks/strategies.json: for each strategy what the rules accept of the sentences and what they take, and how
they change by generation, as the stage `drift` has it. All of an LM begin with the same seeds; the way to choose is the
only difference. It runs in this checkout's data (`dvc repro sample`).
"""

import json
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml
from transformers import AutoTokenizer

from benchmarks.results import update_results
from benchmarks.tuned import merged, run_stage
from relseed.generation.exchanges import read_exchanges
from relseed.generation.summary import read_summary
from relseed.llm.engines.weights import weights_path
from relseed.pipeline.command import run
from relseed.pipeline.params import PARAMS, Params

RESULT = Path("benchmarks/strategies.json")
SMALL, RECORDED = "creator_smollm2", "creator"  # methods
LABELS, SEEDS, REAL = "data/dataset/labels.jsonl", "data/seeds/train.jsonl", "data/dataset/train.jsonl"
TOKENIZER = ("SmolLM2-135M-Instruct", "0.1.2")
CHAINS = ("naive", "random", "contrastive", "similar")
PER_LABEL = 5  # of the recorded sentences: five in each response, so that all strategies have the same
FIRSTS = (10, 55, 70, 95, 110)  # places of seeds, each of another relation
STRATEGIES: Mapping[str, Mapping[str, Any]] = {
    **{choose: {"methods": {SMALL: {"choose": choose}}} for choose in (*CHAINS, "tree")},
    "free": {"methods": {SMALL: {"choose": "tree"}}, "llms": {"smollm2_free": {"structured_output": False}}},
    "recorded-tree": {"methods": {RECORDED: {"per_label": PER_LABEL}}},
    **{
        f"recorded-{choose}": {
            "methods": {
                RECORDED: {
                    "choose": choose,
                    "per_label": PER_LABEL,
                    "reads": f"data/recorded/strategies/{choose}.jsonl",
                }
            }
        }
        for choose in CHAINS
    },
    **{
        f"first-{place}": {
            "methods": {
                RECORDED: {"per_label": 2, "first": [place], "reads": "data/recorded/strategies/firsts.jsonl"},
            }
        }
        for place in FIRSTS
    },
}


def main(strategy: Annotated[str, typer.Argument(help=", ".join(STRATEGIES))]) -> None:
    """Have sentences written, and sum up."""
    if strategy not in STRATEGIES:
        raise typer.BadParameter(f"no strategy {strategy!r}: there are {', '.join(STRATEGIES)}")
    values = changed(Params.read().values, strategy)
    with tempfile.TemporaryDirectory() as name:
        found = measured(Path(name), values, method_of(strategy))
        update_results(RESULT, strategy, {"changes": STRATEGIES[strategy], **found})


def method_of(strategy: str) -> str:
    """The method that a strategy is one of."""
    (method,) = STRATEGIES[strategy]["methods"]
    return str(method)


def changed(values: Mapping[str, Any], strategy: str) -> dict[str, Any]:
    """The parameters of a strategy."""
    method = method_of(strategy)
    drift = {**values["drifts"]["creator"], "reads": f"data/candidates/{method}.jsonl"}
    return {**merged(values, STRATEGIES[strategy]), "drifts": {method: drift}}


def measured(folder: Path, values: Mapping[str, Any], method: str) -> dict[str, Any]:
    """What came of it; `seconds` are those of the whole stage `generate`."""
    (folder / PARAMS).write_text(yaml.safe_dump(dict(values)), encoding="utf-8")
    for part in ("candidates", "accepted", "rejected"):
        (folder / "data" / part).mkdir(parents=True)
    for part in ("dataset", "seeds", "almanac", "recorded"):
        (folder / "data" / part).symlink_to(Path.cwd() / "data" / part)
    start = time.monotonic()
    shared = ("--labels", LABELS, "--seeds", SEEDS)
    run_stage(folder, "generate", "--method", method, *shared, "--candidates", "data/candidates")
    seconds = time.monotonic() - start
    files = ("--candidates", "data/candidates", "--accepted", "data/accepted", "--rejected", "data/rejected")
    run_stage(folder, "filter", "--method", method, *shared, *files, "--summary", ".")
    summary = read_summary(folder / f"{method}.json")
    found = {**summary.model_dump(mode="json"), "label_balance": summary.label_balance, "seconds": round(seconds, 1)}
    if method == RECORDED:
        found |= tokens(folder / f"data/candidates/{method}.jsonl")
    return {"summary": found, "drift": _drift(folder, method, shared) if summary.accepted > 1 else None}


def tokens(candidates: Path) -> dict[str, int]:
    """Tokens of prompts and responses by the tokenizer of SmolLM2: of recorded responses nobody counted them."""
    tokenizer = AutoTokenizer.from_pretrained(weights_path(*TOKENIZER), trust_remote_code=False)
    exchanges = [exchange for exchange in read_exchanges(candidates) if exchange.request and exchange.response]
    said = [[message.content for message in exchange.request.messages] for exchange in exchanges if exchange.request]
    answers = [exchange.response.text for exchange in exchanges if exchange.response]
    return {
        "prompt_tokens": sum(len(tokenizer.tokenize(text)) for texts in said for text in texts),
        "completion_tokens": sum(len(tokenizer.tokenize(text)) for text in answers),
    }


def _drift(folder: Path, method: str, shared: tuple[str, ...]) -> dict[str, Any]:
    others = ("--accepted", "data/accepted", "--real", REAL, "--measured", "drift")
    run_stage(folder, "drift", "--drift", method, *shared, *others)
    found: dict[str, Any] = json.loads((folder / f"drift/{method}.json").read_text(encoding="utf-8"))
    return found


if __name__ == "__main__":
    run(main)
