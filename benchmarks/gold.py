"""The figures of `gold` in the README: draws 1 to 3, training seeds 1 to 3, as DVC experiments.

    python -m benchmarks.gold gazette-8
    python -m benchmarks.gold semeval-8 --semeval /path/to/semeval2010_task8

Each draw is one `dvc exp run --temp` named gold-<setting>-<draw>. An interrupted measurement goes on when it is
repeated: DVC takes what was trained from its cache. The scores of all settings measured so far, with the changes to
params.yaml that they were measured with, lie in benchmarks/gold.json.
"""

import json
from pathlib import Path
from statistics import fmean, stdev
from typing import Annotated, Any

from dvc.api import metrics_show
from typer import Argument, Option, run

from benchmarks.experiments import keep, run_experiment

RESULT = Path("benchmarks/gold.json")
DRAWS = (1, 2, 3)
# Gold alone: no LLM is asked for anything.
GOLD = ("systems=[gold]", "methods=[]", "writers=[]", "finetune.training_seeds=[1,2,3]")
# Chosen on validation data, where the score on SemEval was still rising with 120 updates.
SEMEVAL = ("ingest.format=semeval", "finetune.updates=240", "finetune.evaluate_every=40")


def main(
    setting: Annotated[str, Argument(help="<dataset>-<K>, such as gazette-8 or semeval-16")],
    semeval: Annotated[Path | None, Option(help="folder of the official release")] = None,
) -> None:
    """Measure one setting and write it beside the others."""
    dataset, _, shots = setting.partition("-")
    if (dataset == "semeval") != (semeval is not None):
        raise SystemExit("semeval settings, and they alone, need --semeval FOLDER")
    changes = [f"sample.shots={shots}", *(SEMEVAL if semeval else ())]
    source = [f"ingest.path={semeval.resolve()}"] if semeval else []
    for draw in DRAWS:
        run_experiment(f"gold-{setting}-{draw}", [*changes, *source, *GOLD, f"sample.seed={draw}"])
    draws = {str(draw): metrics_show(rev=f"gold-{setting}-{draw}") for draw in DRAWS}
    keep(RESULT, setting, {"changes": changes, "draws": draws})
    print(json.dumps(over_draws(draws), indent=2))


def over_draws(draws: dict[str, dict[str, Any]], score: str = "micro_f1") -> dict[str, float]:
    """Mean and standard deviation over draws of a score of `gold`, and the mean deviation over training seeds."""
    means = [metrics["gold"][score]["mean"] for metrics in draws.values()]
    return {
        "mean": fmean(means),
        "std_draws": stdev(means),
        "std_seeds": fmean(metrics["gold"][score]["std"] for metrics in draws.values()),
    }


if __name__ == "__main__":
    run(main)
