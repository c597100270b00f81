"""Put the scores of all systems side by side: a table, pages with figures and errors, plots and metrics, a run."""

import json
from contextlib import ExitStack
from pathlib import Path

from relseed.evaluation.drifted import read_drift
from relseed.evaluation.record import Evaluation, read_evaluation
from relseed.evaluation.settings import Evaluate
from relseed.generation.summary import read_summary
from relseed.labelling.labeller import read_labeller
from relseed.labelling.record import LLMLabel
from relseed.labelling.scores import LabellerScores, labeller_scores
from relseed.pipeline.command import run
from relseed.pipeline.errors import UserError
from relseed.pipeline.outputs import output_file, output_folder
from relseed.pipeline.params import Params
from relseed.ranking.summary import read_ranking
from relseed.records.files import read_json, read_records
from relseed.report.drifts import drifts_table
from relseed.report.errors import errors_page
from relseed.report.labellers import beside_table, labellers_table
from relseed.report.methods import methods_table
from relseed.report.metrics import metrics_of
from relseed.report.page import page_of
from relseed.report.plots import plot_files
from relseed.report.rankings import rankings_table
from relseed.report.reliability import reliability_table, shares_table
from relseed.report.table import experiment_header, markdown, table_of
from relseed.tracking.run import tracked


def main(dataset_card: Path, measured: Path, table: Path, page: Path, errors: Path, plots: Path, metrics: Path) -> None:
    """Read what was measured of systems, methods and labellers, write the report, and print the tables."""
    params = Params.read()
    evaluations = {system: measured / f"systems/{system}.json" for system in params.names("systems")}
    summaries = {method: measured / f"methods/{method}.json" for method in params.names("methods")}
    labellers = {labeller: measured / f"labellers/{labeller}.jsonl" for labeller in params.names("labellers")}
    rankings = {ranking: measured / f"rankings/{ranking}.json" for ranking in params.names("rankings")}
    drifts = {drift: measured / f"drift/{drift}.json" for drift in params.names("drifts")}
    if not evaluations:
        raise UserError(f"{params.path}: `systems` is empty: it names what is built and reported")
    reads = [dataset_card, *evaluations.values(), *summaries.values(), *labellers.values(), *rankings.values()]
    reads += drifts.values()
    writes = [table, page, errors, plots, metrics]
    with tracked("report", params=params.values, reads=reads, writes=writes) as log:
        card = read_json(dataset_card, stage="ingest")
        systems = {system: read_evaluation(path) for system, path in evaluations.items()}
        _check_comparable(systems)
        methods = {method: read_summary(path) for method, path in summaries.items()}
        scored = _labellers(labellers, systems, params)
        header = experiment_header(card["name"], systems)
        llms = {name: read_labeller(params, name)[1] for name in labellers}
        ranked = rankings_table({ranking: read_ranking(path) for ranking, path in rankings.items()})
        changes = {drift: read_drift(path) for drift, path in drifts.items()}
        itself = [labellers_table(scored, llms), beside_table(scored)]
        tables = [table_of(systems), reliability_table(systems), shares_table(systems), *itself]
        tables += [ranked, drifts_table(changes), methods_table(methods)]
        summary = "\n".join([f"{header}\n", *(markdown(each) for each in tables if each.rows)])
        numbers = metrics_of(systems, methods, scored)
        files = {
            table: summary,
            page: page_of(card, systems, methods, itself, ranked, changes) + "\n",
            errors: errors_page(header, systems) + "\n",
            metrics: json.dumps(numbers, indent=2) + "\n",
        }
        _write(files, plots, plot_files(systems))
        log.log_metrics(numbers)
        log.log_file(page)
        log.log_file(errors)
    print(summary, end="")


def _check_comparable(systems: dict[str, Evaluation]) -> None:
    (first, evaluation), *others = systems.items()
    for other, another in others:
        if (another.draw, another.test) != (evaluation.draw, evaluation.test):
            raise UserError(
                f"{first} was evaluated with draw {evaluation.draw.hash} on {evaluation.test} test examples, "
                f"{other} with draw {another.draw.hash} on {another.test}: build both from the same data "
                "with `dvc repro`"
            )


def _labellers(paths: dict[str, Path], systems: dict[str, Evaluation], params: Params) -> dict[str, LabellerScores]:
    settings = params.section("evaluate", Evaluate)
    return {
        name: labeller_scores(
            [each for _, each in read_records(path, LLMLabel, cure=f"build it with `dvc repro label@{name}`")],
            systems,
            resamples=settings.resamples,
            seed=settings.seed,
        )
        for name, path in paths.items()
    }


def _write(files: dict[Path, str], folder: Path, inside: dict[str, str]) -> None:
    """Write all or, if any cannot be written, none."""
    with ExitStack() as outputs:
        for path, text in files.items():
            outputs.enter_context(output_file(path)).write_text(text, encoding="utf-8")
        partial = outputs.enter_context(output_folder(folder, *inside))
        for name, text in inside.items():
            (partial / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    run(main)
