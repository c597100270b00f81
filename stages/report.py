"""Put the scores of all systems side by side: a table, a page with figures, plots and metrics for DVC, a run in MLflow.

Reads    CARD: the data card; EVALUATIONS: the folder of `<system>.json`, one for each of `systems` in params.yaml
Writes   TABLE (Markdown), PAGE (HTML with everything inside), PLOTS (a folder of CSV files), METRICS (JSON)
Alone    python -m stages.report data/dataset/card.json results/evaluation \
             results/table.md results/report.html results/plots metrics.json
"""

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from stages.pipeline.command import run
from stages.pipeline.errors import UserError
from stages.pipeline.outputs import output_file, output_folder
from stages.pipeline.params import PARAMS, read_params
from stages.records.files import read_text
from stages.reporting.evaluation import Evaluation, read_evaluation
from stages.reporting.metrics import metrics_of
from stages.reporting.page import page_of
from stages.reporting.plots import plot_files
from stages.reporting.table import conditions, markdown
from stages.tracking.run import tracked


def main(card: Path, evaluations: Path, table: Path, page: Path, plots: Path, metrics: Path) -> None:
    """Read the evaluations, write the report, and print the table."""
    params = read_params()
    reads = {system: evaluations / f"{system}.json" for system in _systems(params)}
    writes = [table, page, plots, metrics]
    with tracked("report", params=params, reads=[card, *reads.values()], writes=writes) as log:
        described = json.loads(read_text(card, cure="build it with `dvc repro ingest`"))
        systems = {system: read_evaluation(path) for system, path in reads.items()}
        _check_comparable(systems)
        summary = f"{conditions(described['name'], systems)}\n\n{markdown(systems)}"
        numbers = metrics_of(systems)
        _write(
            {table: summary, page: page_of(described, systems), metrics: json.dumps(numbers, indent=2) + "\n"},
            plots,
            plot_files(systems),
        )
        log.log_metrics(numbers)
        log.log_file(page)
    print(summary, end="")


def _systems(params: dict[str, Any]) -> list[str]:
    systems = params.get("systems")
    if not systems or not isinstance(systems, list):
        raise UserError(f"{PARAMS} has no list 'systems': it names what is built and reported")
    return systems


def _check_comparable(systems: dict[str, Evaluation]) -> None:
    (first, one), *others = systems.items()
    for other, another in others:
        if (another.draw, another.test) != (one.draw, one.test):
            raise UserError(
                f"{first} was evaluated with draw {one.draw.hash} on {one.test} test examples, {other} with draw "
                f"{another.draw.hash} on {another.test}: build both from the same data with `dvc repro`"
            )


def _write(files: dict[Path, str], folder: Path, inside: dict[str, str]) -> None:
    """Write all or, if any cannot be written, none."""
    with ExitStack() as outputs:
        for path, text in files.items():
            outputs.enter_context(output_file(path)).write_text(text, encoding="utf-8")
        partial = outputs.enter_context(output_folder(folder))
        for name, text in inside.items():
            (partial / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    run(main)
