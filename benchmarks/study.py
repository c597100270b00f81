"""A study: variants of one or several systems, each a DVC experiment from a queue, side by side in one table.

    python -m benchmarks.study run tkre-table3       # queue what has not been run yet, and work the queue off
    python -m benchmarks.study gather tkre-table3    # put what was run into benchmarks/studies/tkre-table3.json

What varies stands in benchmarks/studies/<study>.yaml: variants x draws, random seeds inside each. Ctrl-C, or
`dvc queue stop --kill` elsewhere, stops it; run again, it goes on with what is missing.
"""

import json
import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Annotated, Any

import dvc.api
import yaml
from pydantic import BaseModel, ConfigDict, Field, PositiveInt
from typer import Argument, Typer

from benchmarks.results import read_results
from relseed.evaluation.bootstrap import difference
from relseed.evaluation.f1 import micro_f1
from relseed.evaluation.record import Evaluation
from relseed.evaluation.spread import spread
from relseed.labelling.record import LLMLabel
from relseed.labelling.scores import labeller_scores
from relseed.report.labellers import labeller_numbers
from relseed.report.reliability import reliability_numbers

FOLDER = Path("benchmarks/studies")
RECENT = 20  # commits whose experiments are gathered: DVC takes half a second to look at one
app = Typer(add_completion=False, help=__doc__)
Name = Annotated[str, Argument(help="the name of a file in benchmarks/studies")]


class Study(BaseModel):
    """What is varied; changes are those of `dvc exp run -S`, where `${NAME}` is a variable of the environment."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    systems: list[str] = Field(min_length=1)
    labellers: list[str] = []  # that are scored beside the systems
    common: list[str]  # changes of all variants
    draws: list[PositiveInt] = Field(min_length=1)
    variants: dict[str, list[str]] = Field(min_length=1)  # the first's first system is what others are compared with

    def changes(self, variant: str, draw: int) -> list[str]:
        """All changes of one experiment."""
        return [f"sample.seed={draw}", *self.common, *self.variants[variant]]


def read_study(name: str) -> Study:
    """Read a study by its name."""
    return Study.model_validate(yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8")))


def experiment(study: str, variant: str, draw: int) -> str:
    """The name of an experiment, as git takes it for a ref."""
    return f"{study}-{re.sub(r'[^a-z0-9]+', '-', variant.lower())}-draw{draw}"


@app.command()
def run(name: Name) -> None:
    """Queue the experiments that have not been run at this commit, and run what is queued."""
    study = read_study(name)
    wanted = {experiment(name, variant, draw): (variant, draw) for variant in study.variants for draw in study.draws}
    there = {*finished(), *_waiting()}
    for title, (variant, draw) in wanted.items():
        if title not in there:
            changes = [with_environment(change, os.environ) for change in study.changes(variant, draw)]
            options = [word for change in changes for word in ("-S", change)]
            targets = [f"evaluate@{system}" for system in study.systems]
            targets += [f"label@{labeller}" for labeller in study.labellers]
            # Models are not published: a stage that nothing changes for is not run again where its output is not here.
            _dvc("exp", "run", "--queue", "--allow-missing", "--name", title, *options, *targets)
    _dvc("exp", "run", "--run-all")
    if missing := set(wanted) - set(finished()):
        raise SystemExit(f"not run: {', '.join(sorted(missing))}. `dvc queue logs NAME` says why; run again goes on")


@app.command()
def gather(name: Name) -> None:
    """Write the scores of the variants that were run on all draws, beside those that were measured before."""
    study, done = read_study(name), finished(RECENT)
    evaluations: dict[str, dict[str, list[Evaluation]]] = {}
    labelled: dict[str, dict[str, list[list[LLMLabel]]]] = {}
    for variant in study.variants:
        names = [experiment(name, variant, draw) for draw in study.draws]
        if missing := set(names) - set(done):
            print(f"{variant} is left out, not run: {', '.join(sorted(missing))}")
        else:
            revisions = [done[title] for title in names]
            evaluations[variant] = {system: [_read(system, rev) for rev in revisions] for system in study.systems}
            labelled[variant] = {name: [_read_labels(name, rev) for rev in revisions] for name in study.labellers}
    first = next(iter(study.variants))
    if first not in evaluations:
        raise SystemExit("the variant that the others are compared with has not been run")
    reference = evaluations[first][study.systems[0]]
    rows = {
        variant: {
            "changes": study.variants[variant],
            "commit": commit_of(done[experiment(name, variant, study.draws[0])]),
            "systems": {system: row(each, reference) for system, each in systems.items()},
            **({"labellers": labeller_rows(labelled[variant], systems)} if study.labellers else {}),
        }
        for variant, systems in evaluations.items()
    }
    _write(name, study, rows)


def _write(name: str, study: Study, rows: dict[str, Any]) -> None:
    """The rows in the order of the study, then those that were measured when it had other variants."""
    path = FOLDER / f"{name}.json"
    every = read_results(path).get("variants", {}) | rows
    ordered = {variant: every[variant] for variant in study.variants if variant in every} | every
    path.write_text(json.dumps({"draws": study.draws, "variants": ordered}, indent=1) + "\n", encoding="utf-8")


def row(evaluations: Sequence[Evaluation], reference: Sequence[Evaluation]) -> dict[str, Any]:
    """Micro-F1 (0 to 1) of each random seed of each draw, their spread, and the paired difference from a reference.

    `validation` is the mean over the trainings of what the weights that are kept score there: what a setting may be
    chosen by.
    """
    scores = _scores(evaluations)
    return {
        "real": evaluations[0].real,
        "written": evaluations[0].written,
        "micro_f1": scores,
        **spread(scores).model_dump(exclude_none=True),
        "validation": spread([best for evaluation in evaluations for best in _validation(evaluation)]).mean,
        **_difference(evaluations, reference),
        "draws": {str(evaluation.draw.seed): _draw(evaluation) for evaluation in evaluations},
    }


def labeller_rows(
    labelled: Mapping[str, Sequence[Sequence[LLMLabel]]], systems: Mapping[str, Sequence[Evaluation]]
) -> dict[str, Any]:
    """The scores of each labeller on each draw, beside those of the systems on the same items."""
    draws = [evaluation.draw.seed for evaluation in next(iter(systems.values()))]
    rows: dict[str, Any] = {name: {"draws": {}} for name in labelled}
    for at, draw in enumerate(draws):
        beside = {system: evaluations[at] for system, evaluations in systems.items()}
        for name, answers in labelled.items():
            scores = labeller_scores(answers[at], beside, resamples=2000, seed=1)
            rows[name]["draws"][str(draw)] = labeller_numbers(scores)
    return rows


def _difference(evaluations: Sequence[Evaluation], reference: Sequence[Evaluation]) -> dict[str, float]:
    """How far above the reference, with the 95 % interval of a bootstrap over the test examples.

    Empty where the two were not scored on the same test examples: their difference would say nothing.
    """
    if _gold(evaluations) != _gold(reference):
        return {}
    gold = [label for _, label in _gold(evaluations)]
    ends = difference(gold, _predicted(evaluations), _predicted(reference), evaluations[0].negative)
    apart = spread(_scores(evaluations)).mean - spread(_scores(reference)).mean
    return {"difference": apart, "low": ends.low, "high": ends.high}


def _draw(evaluation: Evaluation) -> dict[str, Any]:
    """All scores of one draw, over its random seeds, and those of the baselines."""
    return {
        "hash": evaluation.draw.hash,
        "scores": evaluation.scores.model_dump(exclude_none=True),
        "reliability": reliability_numbers(evaluation),
        "baselines": {name: baseline.model_dump(exclude_none=True) for name, baseline in evaluation.baselines.items()},
    }


def _gold(evaluations: Sequence[Evaluation]) -> list[tuple[str, str]]:
    return [(prediction.id, prediction.label) for prediction in evaluations[0].predictions]


def _predicted(evaluations: Sequence[Evaluation]) -> list[list[str]]:
    """The labels that each training of each draw predicted, [trainings, examples]."""
    return [
        list(labels)
        for evaluation in evaluations
        for labels in zip(*(prediction.predicted for prediction in evaluation.predictions), strict=True)
    ]


def _scores(evaluations: Sequence[Evaluation]) -> list[float]:
    gold = [label for _, label in _gold(evaluations)]
    return [micro_f1(gold, labels, evaluations[0].negative) for labels in _predicted(evaluations)]


def _validation(evaluation: Evaluation) -> list[float]:
    """Of each training, the micro-F1 on validation of the weights that are kept."""
    kept = {point.seed: point.micro_f1 for point in evaluation.curves if point.kept}
    return [kept[seed] for seed in evaluation.random_seeds]


def finished(commits: int = 1) -> dict[str, str]:
    """The revisions of experiments that have been run, by name; those of the last `commits` commits."""
    shown = [
        line for line in dvc.api.exp_show(num=commits) if line["Experiment"] and line["State"] in (None, "Success")
    ]
    return {line["Experiment"]: line["rev"] for line in reversed(shown)}  # the newest commit comes first


def _waiting() -> set[str]:
    """The names of experiments that wait or run."""
    return {line["Experiment"] for line in dvc.api.exp_show() if line["State"] in ("Queued", "Running")}


def with_environment(change: str, environment: Mapping[str, str]) -> str:
    """A change with the values of the variables that it names."""
    try:
        return Template(change).substitute(environment)
    except KeyError as missing:
        raise SystemExit(f"{change} needs the environment variable {missing.args[0]}: set it, and run again") from None


def _read(system: str, revision: str) -> Evaluation:
    text = dvc.api.read(f"results/measured/systems/{system}.json", rev=revision)
    return Evaluation.model_validate_json(text)


def _read_labels(labeller: str, revision: str) -> list[LLMLabel]:
    text = dvc.api.read(f"results/measured/labellers/{labeller}.jsonl", rev=revision)
    return [LLMLabel.model_validate_json(line) for line in text.split("\n") if line]


def commit_of(revision: str) -> str:
    """The commit that an experiment was run on: whose code it ran, and whose parameters its changes name."""
    command = ["git", "rev-parse", "--short", f"{revision}^"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def _dvc(*command: str) -> None:
    subprocess.run(["dvc", *command], check=True)


if __name__ == "__main__":
    app()
