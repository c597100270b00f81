"""A study: variants of one system, each a DVC experiment from a queue, side by side in one table.

    python -m benchmarks.study run tkre-table3       # queue what has not been run yet, and work the queue off
    python -m benchmarks.study gather tkre-table3    # put what was run into benchmarks/studies/tkre-table3.json

What varies stands in benchmarks/studies/<study>.yaml: variants x draws, training seeds inside each. Ctrl-C, or
`dvc queue stop --kill` elsewhere, stops it; run again, it goes on with what is missing.
"""

import json
import re
import subprocess
from pathlib import Path
from typing import Annotated, Any

import dvc.api
import yaml
from pydantic import BaseModel, ConfigDict, Field, PositiveInt
from typer import Argument, Typer

from relseed.evaluation.bootstrap import difference
from relseed.evaluation.f1 import micro_f1
from relseed.evaluation.record import Evaluation
from relseed.evaluation.summary import spread

FOLDER = Path("benchmarks/studies")
app = Typer(add_completion=False, help=__doc__)
Name = Annotated[str, Argument(help="the name of a file in benchmarks/studies")]


class Study(BaseModel):
    """What is varied; changes are those of `dvc exp run -S`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    system: str
    common: list[str]  # changes of all variants
    draws: list[PositiveInt] = Field(min_length=1)
    variants: dict[str, list[str]] = Field(min_length=1)  # the first is what the others are compared with

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
    done, elsewhere, waiting = _names("exp", "list"), _names("exp", "list", "--all-commits"), _queued()
    for variant in study.variants:
        for draw in study.draws:
            one = experiment(name, variant, draw)
            if one in done or one in waiting:
                continue
            if one in elsewhere:
                _dvc("exp", "remove", "--quiet", one)
            options = [word for change in study.changes(variant, draw) for word in ("-S", change)]
            _dvc("exp", "run", "--queue", "--name", one, *options, f"evaluate@{study.system}")
    _dvc("exp", "run", "--run-all")
    if missing := {experiment(name, *both) for both in _both(study)} - _names("exp", "list"):
        raise SystemExit(f"not run: {', '.join(sorted(missing))}. `dvc queue logs NAME` says why; run again goes on")


@app.command()
def gather(name: Name) -> None:
    """Write the scores of the variants that were run on all draws, and how far each is from the first."""
    study = read_study(name)
    done = _names("exp", "list", "--all-commits")
    evaluations = {}
    for variant in study.variants:
        names = [experiment(name, variant, draw) for draw in study.draws]
        if missing := set(names) - done:
            print(f"{variant} is left out, not run: {', '.join(sorted(missing))}")
        else:
            evaluations[variant] = [_evaluation(study.system, one) for one in names]
    if next(iter(study.variants)) not in evaluations:
        raise SystemExit("the variant that the others are compared with has not been run")
    first = next(iter(evaluations.values()))
    rows = {variant: row(each, first) | {"changes": study.variants[variant]} for variant, each in evaluations.items()}
    text = json.dumps({"draws": study.draws, "variants": rows}, indent=1)
    (FOLDER / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def row(evaluations: list[Evaluation], first: list[Evaluation]) -> dict[str, Any]:
    """Micro-F1 (0 to 1) of each training seed of each draw, their spread, and the paired difference from `first`.

    The interval is that of a bootstrap over the test examples, on which all trainings are scored. `validation` is the
    mean over the trainings of what the weights that were kept score there: what a setting may be chosen by.
    """
    gold = [one.relation for one in evaluations[0].predictions]
    negative = evaluations[0].negative
    ours, theirs = _answers(evaluations), _answers(first)
    scores = [micro_f1(gold, answers, negative) for answers in ours]
    reference = [micro_f1(gold, answers, negative) for answers in theirs]
    ends = difference(gold, ours, theirs, negative)
    return {
        "real": evaluations[0].real,
        "written": evaluations[0].written,
        "micro_f1": scores,
        **spread(scores).model_dump(exclude_none=True),
        "validation": spread([best for one in evaluations for best in _validation(one)]).mean,
        "difference": spread(scores).mean - spread(reference).mean,
        "low": ends.low,
        "high": ends.high,
    }


def _answers(evaluations: list[Evaluation]) -> list[list[str]]:
    """What each training of each draw said, [trainings, examples]."""
    return [
        list(said) for one in evaluations for said in zip(*(each.predicted for each in one.predictions), strict=True)
    ]


def _validation(evaluation: Evaluation) -> list[float]:
    """Of each training, the best micro-F1 on validation, at which its weights were kept."""
    looks = evaluation.curves
    return [max(look.micro_f1 for look in looks if look.seed == seed) for seed in evaluation.training_seeds]


def _evaluation(system: str, revision: str) -> Evaluation:
    return Evaluation.model_validate_json(dvc.api.read(f"results/evaluation/{system}.json", rev=revision))


def _both(study: Study) -> list[tuple[str, int]]:
    return [(variant, draw) for variant in study.variants for draw in study.draws]


def _names(*command: str) -> set[str]:
    listed = subprocess.run(["dvc", *command, "--name-only"], check=True, capture_output=True, text=True)
    return set(listed.stdout.split())


def _queued() -> set[str]:
    """The names of experiments that wait or run."""
    status = subprocess.run(["dvc", "queue", "status"], check=True, capture_output=True, text=True).stdout
    return {words[1] for line in status.splitlines() if (words := line.split())[-1:] in (["Queued"], ["Running"])}


def _dvc(*command: str) -> None:
    subprocess.run(["dvc", *command], check=True)


if __name__ == "__main__":
    app()
