"""What written sentences are worth: the figures of the systems in the README, as DVC experiments on the default draw.

    python -m benchmarks.written hybrid-32    # or hybrid-16, hybrid-8, pure-32: with or without seeds, per relation

Three training seeds each, the same number of updates whatever a system trains on. An interrupted measurement goes on
when it is repeated. The metrics of all settings measured so far lie in benchmarks/written.json.
"""

from pathlib import Path
from typing import Annotated

from dvc.api import metrics_show
from typer import Argument, run

from benchmarks.experiments import keep, run_experiment

RESULT = Path("benchmarks/written.json")
SYSTEMS = ("unleash", "diverse")


def main(setting: Annotated[str, Argument(help="hybrid-<per relation> or pure-<per relation>")]) -> None:
    """Measure one setting and write it beside the others."""
    kind, _, count = setting.partition("-")
    if kind not in ("hybrid", "pure") or not count.isdigit():
        raise SystemExit(f"no setting {setting!r}: hybrid-<per relation> or pure-<per relation>")
    changes = ["finetune.training_seeds=[1,2,3]", "writers=[]", "mixtures.diverse.methods=[one_by_one]"]
    changes += [f"mixtures.{system}.per_relation={count}" for system in SYSTEMS]
    changes += [f"hybrid.{system}={str(kind == 'hybrid').lower()}" for system in SYSTEMS]
    run_experiment(f"written-{setting}", changes)
    keep(RESULT, setting, {"changes": changes, "metrics": metrics_show(rev=f"written-{setting}")})


if __name__ == "__main__":
    run(main)
