"""What DPO does to the small LM: acceptance, copies, a classifier's view, diversity and cost, untuned beside tuned.

    python -m benchmarks.tuned "all at once"  # or another key of SETTINGS
    python -m benchmarks.tuned "lm seed 2"    # in a clone, after `dvc exp run -S lms.base.seed=2 generate@tuned`

Writes benchmarks/tuned.json (after `dvc repro`): for each setting, method and random seed what the
rules of `filter` and the verifiers of the criterion `accuracy` say of the candidates. Every candidate counts in what is
said of copies and diversity, accepted or not. A candidate copies what its own prompt shows, seeds and earlier
candidates: counted are its word 4-grams that occur there, and the candidates that are similar to one of the examples
there (Jaccard similarity of word trigrams, as in `rules`).
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from statistics import fmean
from typing import Annotated, Any

import numpy as np
import typer
import yaml

from benchmarks.results import update_results
from relseed.criteria import accuracy
from relseed.generation.exchanges import Exchange, read_exchanges
from relseed.generation.summary import read_summary
from relseed.generation.training_set import TrainingSet
from relseed.pipeline.command import run
from relseed.pipeline.errors import UserError
from relseed.pipeline.params import PARAMS, Params
from relseed.quality.duplicates import normalise, similarity
from relseed.tasks.relation import TASK, Example
from relseed.tasks.relation.continuation import shown_in
from relseed.tasks.relation.tags import TAG
from relseed.tasks.task import read_examples, read_schema

RESULT = Path("benchmarks/tuned.json")
METHODS = ("untuned", "tuned")  # entries of `methods`, and of `llms`
ONE_BY_ONE = {"loop": "one_by_one", "per_request": None}
INSTRUCTION = {"diversity_instruction": True}
# Changes to params.yaml for the writing, None where a setting is left out: model and adapters are those of this
# checkout, and must have been built with the same `lms`.
SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "all at once": {},
    "all at once, instruction": {"methods": dict.fromkeys(METHODS, INSTRUCTION)},
    "one by one": {"methods": dict.fromkeys(METHODS, ONE_BY_ONE)},
    "one by one, instruction": {"methods": dict.fromkeys(METHODS, ONE_BY_ONE | INSTRUCTION)},
    "temperature 0.2": {"llms": {llm: {"temperature": 0.2} for llm in METHODS}},
    "temperature 0.8": {"llms": {llm: {"temperature": 0.8} for llm in METHODS}},
    "lm seed 2": {"lms": {"base": {"seed": 2}}},  # another model to begin with: other candidates, pairs, adapters
}
PER_LABEL = 8  # sentences of each relation, untuned and tuned
SIMILAR = (0.2, 0.5)  # Jaccard similarities; the second is that of `rules`
GRAM = 4  # words
LABELS, SEEDS = Path("data/dataset/labels.jsonl"), Path("data/seeds/train.jsonl")


def main(
    setting: Annotated[str, typer.Argument(help=", ".join(SETTINGS))],
    seeds: Annotated[int, typer.Option(help="random seeds of the sampling: 1, 2, ...")] = 3,
) -> None:
    """Have each method write with each random seed, and sum up."""
    if setting not in SETTINGS:
        raise typer.BadParameter(f"no setting {setting!r}: there are {', '.join(SETTINGS)}")
    params = Params.read()
    check_built(params, setting)
    runs: dict[str, dict[str, Any]] = {method: {} for method in METHODS}
    sets: list[tuple[dict[str, Any], list[Example]]] = []
    for seed in range(1, seeds + 1):
        for method in METHODS:
            figures, accepted = write(changed(params, setting, method, seed), method)
            runs[method][str(seed)] = figures
            sets.append((figures, accepted))
            print(setting, method, seed, figures, flush=True)
    counts = accepted_by_classifier(params, [accepted for _, accepted in sets])
    for (figures, _), count in zip(sets, counts, strict=True):
        figures["accepted_by_classifier"] = count
    update_results(RESULT, setting, {"changes": SETTINGS[setting], "methods": runs})


def check_built(params: Params, setting: str) -> None:
    """Raises UserError where the small LLM of this checkout is another one than the setting's."""
    for lm, changes in SETTINGS[setting].get("lms", {}).items():
        for name, value in changes.items():
            if params.value(f"lms.{lm}")[name] != value:
                built = f"dvc exp run -S lms.{lm}.{name}={value} generate@tuned"
                raise UserError(f"the setting {setting!r} is of another small LLM: build it with `{built}`")


def changed(params: Params, setting: str, method: str, seed: int) -> dict[str, Any]:
    """The parameters of a setting, as many sentences by each method, and the LLM of one with another random seed."""
    alike = {"methods": {name: {"per_label": PER_LABEL} for name in METHODS}, "llms": {method: {"seed": seed}}}
    return merged(merged(params.values, SETTINGS[setting]), alike)


def merged(values: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Values with changes at any depth; what is changed to None is left out."""
    nested = {
        name: merged(values[name], value) if isinstance(value, Mapping) else value for name, value in changes.items()
    }
    return {name: value for name, value in {**values, **nested}.items() if name not in changes or value is not None}


def write(values: Mapping[str, Any], method: str) -> tuple[dict[str, Any], list[Example]]:
    """What a method writes with these parameters, as figures, and what the rules accept of it.

    The weights are those of this checkout. `seconds_per_accepted` counts the whole stage `generate`.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / PARAMS).write_text(yaml.safe_dump(dict(values)), encoding="utf-8")
        for part in ("data", "models"):
            (folder / part).symlink_to(Path.cwd() / part)
        reads = ("--method", method, "--labels", LABELS, "--seeds", SEEDS, "--candidates", "written")
        start = time.monotonic()
        run_stage(folder, "generate", *reads)
        seconds = time.monotonic() - start
        run_stage(folder, "filter", *reads, "--accepted", "accepted", "--rejected", "rejected", "--summary", ".")
        accepted = read_examples(folder / f"accepted/{method}.jsonl", TASK, read_schema(LABELS, TASK), empty=True)
        return _figures(folder / f"{method}.json", folder / f"written/{method}.jsonl", seconds), accepted


def run_stage(folder: Path, verb: str, *options: str | Path) -> None:
    """Run a stage with the code of this checkout in another folder, apart from MLflow."""
    quiet = {"PYTHONPATH": str(Path.cwd()), "DISABLE_MLFLOW_INTEGRATION": "TRUE"}
    command = [sys.executable, "-m", f"stages.{verb}", *map(str, options)]
    subprocess.run(command, cwd=folder, env=os.environ | quiet, check=True)


def _figures(summary: Path, candidates: Path, seconds: float) -> dict[str, Any]:
    measured = read_summary(summary)
    tokens = (measured.prompt_tokens or 0) + (measured.completion_tokens or 0)
    grams, similarities = zip(*copied(read_exchanges(candidates)), strict=True)
    return {
        "candidates": measured.candidates,
        "accepted": measured.accepted,
        "rejected": measured.rejected,
        "copied_grams": fmean(grams),
        "similar_to_shown": {str(least): sum(score >= least for score in similarities) for least in SIMILAR},
        "diversity": measured.before.model_dump() if measured.before else None,
        "tokens_per_accepted": tokens / max(1, measured.accepted),
        "seconds_per_accepted": seconds / max(1, measured.accepted),
    }


def copied(exchanges: Iterable[Exchange]) -> Iterator[tuple[float, float]]:
    """Of each candidate the share of its 4-grams that its prompt shows, and its similarity to what is nearest there."""
    for exchange in exchanges:
        if exchange.request is None:
            continue
        shown = [TAG.sub("", example) for example in shown_in(exchange.request.messages[-1].content)]
        known = set().union(*map(_grams, shown))
        for text in (TAG.sub("", candidate.text) for candidate in exchange.candidates):
            grams = _grams(text)
            nearest = max((similarity(text, example) for example in shown), default=0.0)
            yield len(grams & known) / max(1, len(grams)), nearest


def _grams(text: str) -> set[tuple[str, ...]]:
    words = normalise(text).split()
    return {tuple(words[at : at + GRAM]) for at in range(len(words) - GRAM + 1)}


def accepted_by_classifier(params: Params, sets: list[list[Example]]) -> list[int]:
    """How many of each set the verifiers find good enough for the training set `diverse`."""
    settings = params.section("criteria.accuracy", accuracy.Settings)
    threshold = params.section("training_sets.diverse", TrainingSet).at_least["tuned"]["accuracy"]
    schema = read_schema(LABELS, TASK)
    every = [example for examples in sets for example in examples]
    each = accuracy.Verifiers(Path(settings.reads), schema.labels).probabilities(every)
    own = each[np.arange(len(every)), [schema.labels.index(example.label) for example in every]]
    ends = np.cumsum([len(examples) for examples in sets])
    return [int(part.sum()) for part in np.split(own >= threshold, ends[:-1])]


if __name__ == "__main__":
    run(main)
