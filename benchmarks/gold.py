"""The figures of `gold` in the README: draws 1 to 3, training seeds 1 to 3, as DVC experiments.

    python -m benchmarks.gold gazette-8
    python -m benchmarks.gold semeval-8 --semeval /path/to/semeval2010_task8

Each draw is one `dvc exp run --temp` named gold-<setting>-<draw>; one that exists is not run again, so that an
interrupted measurement goes on. The scores of all settings measured so far lie in benchmarks/gold.json.
"""

import json
import subprocess
from pathlib import Path
from statistics import fmean, stdev
from typing import Annotated, Any

from dvc.api import metrics_show
from typer import Argument, Option, run

RESULT = Path("benchmarks/gold.json")
DRAWS = (1, 2, 3)
SEEDS = "finetune.seeds=[1,2,3]"


def main(
    setting: Annotated[str, Argument(help="<dataset>-<K>, such as gazette-8 or semeval-16")],
    semeval: Annotated[Path | None, Option(help="folder of the official release")] = None,
) -> None:
    """Measure one setting and write it beside the others."""
    dataset, _, shots = setting.partition("-")
    source = [] if semeval is None else ["ingest.format=semeval", f"ingest.path={semeval.resolve()}"]
    if (dataset == "semeval") != bool(source):
        raise SystemExit("semeval settings, and they alone, need --semeval FOLDER")
    listed = subprocess.run(
        ["dvc", "exp", "list", "--all-commits", "--name-only"], check=True, capture_output=True, text=True
    )
    for draw in DRAWS:
        name = f"gold-{setting}-{draw}"
        if name not in listed.stdout.split():
            changes = [f"sample.shots={shots}", f"sample.seed={draw}", SEEDS, *source]
            options = [word for change in changes for word in ("-S", change)]
            subprocess.run(["dvc", "exp", "run", "--temp", "--name", name, *options], check=True)
    measured = json.loads(RESULT.read_text(encoding="utf-8")) if RESULT.exists() else {}
    measured[setting] = {draw: metrics_show(rev=f"gold-{setting}-{draw}") for draw in DRAWS}
    RESULT.write_text(json.dumps(measured, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    print(json.dumps(over_draws(measured[setting]), indent=2))


def over_draws(draws: dict[Any, dict[str, Any]], score: str = "micro_f1") -> dict[str, float]:
    """Mean and standard deviation over draws of a score of `gold`, and the mean deviation over training seeds."""
    means = [metrics["gold"][score]["mean"] for metrics in draws.values()]
    return {
        "mean": fmean(means),
        "std_draws": stdev(means),
        "std_seeds": fmean(metrics["gold"][score]["std"] for metrics in draws.values()),
    }


if __name__ == "__main__":
    run(main)
