"""Put the scores of all systems side by side: a table, a page with figures, plots and metrics for DVC, a run in MLflow.

Reads    CARD: the data card; EVALUATIONS: the folder of `<system>.json`, one for each of `systems` in params.yaml;
         ACCEPTED, REJECTED, POOLS: folders of `<method>.jsonl` and `<method>.json`, one for each of `methods` and
         `writers`
Writes   TABLE (Markdown), PAGE (HTML with everything inside), SENTENCES (HTML), PLOTS (a folder of CSV files),
         METRICS (JSON)
Alone    python -m stages.report data/dataset/card.json results/evaluation data/accepted data/rejected results/pools \
             results/table.md results/report.html results/sentences.html results/plots metrics.json
"""

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from relseed.evaluation.record import Evaluation, read_evaluation
from relseed.generation.pool import read_judged, read_pool
from relseed.pipeline.command import run
from relseed.pipeline.errors import UserError
from relseed.pipeline.outputs import output_file, output_folder
from relseed.pipeline.params import PARAMS, read_params
from relseed.records.files import read_text
from relseed.report.metrics import metrics_of
from relseed.report.page import page_of
from relseed.report.plots import plot_files
from relseed.report.pools import pools_table
from relseed.report.sentences import sentences_page
from relseed.report.table import conditions, markdown, table_of
from relseed.tasks.relation.written import Accepted, Rejected
from relseed.tracking.run import tracked


def main(
    card: Path,
    evaluations: Path,
    accepted: Path,
    rejected: Path,
    pools: Path,
    table: Path,
    page: Path,
    sentences: Path,
    plots: Path,
    metrics: Path,
) -> None:
    """Read the evaluations and what was written, write the report, and print the table."""
    params = read_params()
    reads = {system: evaluations / f"{system}.json" for system in _listed(params, "systems")}
    methods = [*_listed(params, "methods"), *_listed(params, "writers")]
    summaries = {method: pools / f"{method}.json" for method in methods}
    texts = {folder: [folder / f"{method}.jsonl" for method in methods] for folder in (accepted, rejected)}
    writes = [table, page, sentences, plots, metrics]
    with tracked(
        "report",
        params=params,
        reads=[card, *reads.values(), *summaries.values(), *texts[accepted], *texts[rejected]],
        writes=writes,
    ) as log:
        described = json.loads(read_text(card, cure="build it with `dvc repro ingest`"))
        systems = {system: read_evaluation(path) for system, path in reads.items()}
        _check_comparable(systems)
        written = {method: read_pool(path) for method, path in summaries.items()}
        kept = {path.stem: read_judged(path, Accepted) for path in texts[accepted]}
        refused = {path.stem: read_judged(path, Rejected) for path in texts[rejected]}
        headline = conditions(described["name"], systems)
        summary = f"{headline}\n\n{markdown(table_of(systems))}"
        if written:
            summary += f"\n{markdown(pools_table(written))}"
        numbers = metrics_of(systems, written)
        _write(
            {
                table: summary,
                page: page_of(described, systems, written) + "\n",
                sentences: sentences_page(headline, kept, refused) + "\n",
                metrics: json.dumps(numbers, indent=2) + "\n",
            },
            plots,
            plot_files(systems),
        )
        log.log_metrics(numbers)
        log.log_file(page)
        log.log_file(sentences)
    print(summary, end="")


def _listed(params: dict[str, Any], key: str) -> list[str]:
    listed = params.get(key)
    if not isinstance(listed, list) or (key == "systems" and not listed):
        raise UserError(f"{PARAMS} has no list '{key}': it names what is built and reported")
    return listed


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
