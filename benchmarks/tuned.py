"""What DPO does to the small generator: acceptance, copies, judges, diversity and cost, untuned beside tuned.

    python -m benchmarks.tuned one_by_one     # or all_at_once, cold, warm (after `dvc repro`; five minutes each)
    python -m benchmarks.tuned retaught       # in a clone, after `dvc exp run -S teach.seed=2 write@base`

Writes benchmarks/tuned.json: for each setting, method and generator seed what the checks of `filter` and the judges of
`verify` say of its drafts. Every draft counts in what is said of copies and diversity, accepted or not. A draft copies
what its own prompt shows, seeds and earlier drafts: counted are its word 4-grams that occur there, and the drafts that
are like one of the samples there (Jaccard similarity of word trigrams, as in `checks`).
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import fmean
from typing import Annotated, Any

import numpy as np
import typer
import yaml

from benchmarks.experiments import keep
from relseed.criteria.accuracy import cross_fitted
from relseed.generation.answers import Answer, read_answers
from relseed.generation.judging import summary_of, verdicts
from relseed.llm.client import Budget
from relseed.pipeline.command import run
from relseed.pipeline.errors import UserError
from relseed.pipeline.params import PARAMS, read_params, section
from relseed.quality.duplicates import normalise, similarity
from relseed.tasks.relation.continuation import END
from relseed.tasks.relation.files import read_examples, read_schema
from relseed.tasks.relation.rules import Checks, Judge
from relseed.tasks.relation.tags import TAG
from relseed.tasks.relation.written import Accepted
from stages.verify import Verify

RESULT = Path("benchmarks/tuned.json")
# Changes to params.yaml for the writing: model and adapters are those of this checkout, and must have been built with
# the same `teach`. Four samples in one answer fit the model's 512 tokens.
SETTINGS: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "one_by_one": {},
    "all_at_once": {"write": {"manner": "all_at_once", "samples": 4}},
    "cold": {"generator": {"temperature": 0.1}},  # where the untuned generator copies most
    "warm": {"generator": {"temperature": 0.5}},  # where it does not copy
    "retaught": {"teach": {"seed": 2}},  # another model to begin with, and so other drafts, pairs and adapters
}
ALIKE = (0.2, 0.5)  # Jaccard similarities; the second is that of `checks`
GRAM = 4  # words
METHODS: Mapping[str, tuple[str, ...]] = {  # the stage that writes, and what it reads beside relations and seeds
    "untuned": ("draft", "models/generator/base"),
    "tuned": ("write", "data/preferences/base/halves.json", "models/generator"),
}


def main(
    setting: Annotated[str, typer.Argument(help=", ".join(SETTINGS))],
    generator_seeds: Annotated[int, typer.Option(help="1, 2, ... of the sampling")] = 3,
) -> None:
    """Have each method write with each seed, and sum up."""
    if setting not in SETTINGS:
        raise typer.BadParameter(f"no setting {setting!r}: there are {', '.join(SETTINGS)}")
    _check_taught(setting)
    runs: dict[str, dict[str, Any]] = {method: {} for method in METHODS}
    kept: list[tuple[dict[str, Any], list[Accepted]]] = []
    for seed in range(1, generator_seeds + 1):
        for method in METHODS:
            start = time.monotonic()
            answers = _written(setting, method, seed)
            figures, accepted = _summed_up(method, answers, time.monotonic() - start)
            runs[method][str(seed)] = figures
            kept.append((figures, accepted))
            print(setting, method, seed, figures, flush=True)
    for (figures, _), share in zip(kept, _borne_out([accepted for _, accepted in kept]), strict=True):
        figures["borne_out"] = share
    keep(RESULT, setting, {"changes": SETTINGS[setting], "methods": runs})


def _check_taught(setting: str) -> None:
    """Raises UserError where the generator of this checkout is another one than the setting's."""
    for name, value in SETTINGS[setting].get("teach", {}).items():
        if read_params()["teach"][name] != value:
            built = f"dvc exp run -S teach.{name}={value} write@base"
            raise UserError(f"setting {setting!r} is of a generator that was taught otherwise: build it with `{built}`")


def _written(setting: str, method: str, seed: int) -> list[Answer]:
    """The answers of `draft` or `write` with another generator seed; the weights are those of this checkout."""
    root = Path.cwd()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        params = read_params()
        for part, changes in SETTINGS[setting].items():
            params[part].update(changes)
        params["generator"]["seed"] = seed
        (folder / PARAMS).write_text(yaml.safe_dump(params), encoding="utf-8")
        for part in ("data", "models"):
            (folder / part).symlink_to(root / part)
        stage, *read = METHODS[method]
        command = [sys.executable, "-m", f"stages.{stage}", "data/dataset/relations.jsonl", "data/seeds/train.jsonl"]
        quiet = {"PYTHONPATH": str(root), "DISABLE_MLFLOW_INTEGRATION": "TRUE"}
        subprocess.run([*command, *read, "answers.jsonl"], cwd=folder, env=os.environ | quiet, check=True)
        return read_answers(folder / "answers.jsonl")


def _summed_up(method: str, answers: list[Answer], seconds: float) -> tuple[dict[str, Any], list[Accepted]]:
    """What the checks say of the drafts, and what they accept; `seconds` are those of the whole stage."""
    schema = read_schema(Path("data/dataset/relations.jsonl"))
    seeds = read_examples(Path("data/seeds/train.jsonl"), schema)
    judged = verdicts(answers, Judge(schema, section(Checks), seeds))
    pool = summary_of(method, answers, judged, section(Budget))
    tokens = (pool.prompt_tokens or 0) + (pool.completion_tokens or 0)
    grams, alike = zip(*copied(answers), strict=True)
    figures = {
        "drafts": pool.drafts,
        "accepted": pool.accepted,
        "rejected": pool.rejected,
        "copied_grams": fmean(grams),
        "alike": {str(least): sum(one >= least for one in alike) for least in ALIKE},
        "diversity": pool.before.model_dump() if pool.before else None,
        "tokens_per_accepted": tokens / max(1, pool.accepted),
        "seconds_per_accepted": seconds / max(1, pool.accepted),
    }
    return figures, judged.kept


def copied(answers: list[Answer]) -> Iterator[tuple[float, float]]:
    """Of each draft: the share of its 4-grams that its prompt shows, and its similarity to the sample most like it."""
    for answer in answers:
        _, *samples = answer.request.messages[-1].content.split(END)
        shown = [TAG.sub("", sample) for sample in samples]
        known = set().union(*map(_grams, shown))
        for text in (TAG.sub("", draft.text) for draft in answer.drafts):
            grams = _grams(text)
            likeness = max((similarity(text, sample) for sample in shown), default=0.0)
            yield len(grams & known) / max(1, len(grams)), likeness


def _grams(text: str) -> set[tuple[str, ...]]:
    words = normalise(text).split()
    return {tuple(words[at : at + GRAM]) for at in range(len(words) - GRAM + 1)}


def _borne_out(pools: list[list[Accepted]]) -> list[int]:
    """How many of each pool the judges of `verify` do not contradict, at its threshold."""
    params, schema = section(Verify), read_schema(Path("data/dataset/relations.jsonl"))
    seeds = read_examples(Path("data/seeds/train.jsonl"), schema)
    every = [one for pool in pools for one in pool]
    with tempfile.TemporaryDirectory() as name:
        scratches = [Path(name) / str(fold) for fold in range(params.folds)]
        each = cross_fitted(
            params.judges(), schema, seeds, every, seed=params.seed, scratches=scratches, on_look=lambda *_: None
        )
    passed = each[np.arange(len(every)), [schema.labels.index(one.relation) for one in every]] >= params.threshold
    ends = np.cumsum([len(pool) for pool in pools])
    return [int(part.sum()) for part in np.split(passed, ends[:-1])]


if __name__ == "__main__":
    run(main)
