"""Apply the rules to what a method wrote, candidate by candidate, and keep every rejected one with its reason."""

from contextlib import suppress
from pathlib import Path
from typing import Any

from relseed.generation.exchanges import Exchange, read_exchanges
from relseed.generation.method import read_method
from relseed.generation.summarize import diversities_of, summarize
from relseed.generation.summary import MethodSummary
from relseed.generation.usage import rejection_table
from relseed.llm.prices import Prices
from relseed.pipeline.command import Entry, run
from relseed.pipeline.outputs import output_file
from relseed.pipeline.params import Params
from relseed.quality.rules import Rules
from relseed.records.files import write_records
from relseed.tasks.task import load_task, read_examples, read_schema
from relseed.tracking.run import Run, tracked


def main(
    method: Entry, candidates: Path, labels: Path, seeds: Path, accepted: Path, rejected: Path, summary: Path
) -> None:
    """Apply the rules, count, measure, and write."""
    params = Params.read()
    task = load_task(params.value("task"))
    schema = read_schema(labels, task)
    chosen = read_method(params, method, task, schema, read_examples(seeds, task, schema))
    written = candidates / f"{method}.jsonl"
    lines = accepted / f"{method}.jsonl", rejected / f"{method}.jsonl"
    described = {"method": method, **chosen.rules.settings.model_dump()}
    writes = [*lines, summary / f"{method}.json"]
    with tracked("filter", params=described, reads=[written, labels, seeds], writes=writes) as log:
        exchanges = read_exchanges(written)
        passed, failed = chosen.rules.apply_all(found for exchange in exchanges for found in exchange.candidates)
        print("\n".join(rejection_table(failed, len(passed))))
        diversities = diversities_of(task, _readable(exchanges, chosen.rules.rules), passed, method)
        prices = chosen.llm.prices if chosen.asks else Prices()
        measured = summarize(exchanges, passed, failed, diversities, prices, schema.labels)
        write_records(lines[0], passed)
        write_records(lines[1], failed)
        _write(measured, writes[2], log)


def _readable(exchanges: list[Exchange], rules: Rules) -> dict[str, Any]:
    """All candidates that can be read as examples, whatever the rules say of them, by id."""
    examples = {}
    for exchange in exchanges:
        for candidate in exchange.candidates:
            with suppress(ValueError):
                examples[candidate.id] = rules.example(candidate)
    return examples


def _write(summary: MethodSummary, path: Path, log: Run) -> None:
    log.log_metrics(summary.model_dump(include={"candidates", "accepted", "rejected", "cost_per_accepted", "after"}))
    with output_file(path) as partial:
        partial.write_text(summary.model_dump_json(indent=2, exclude_unset=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    run(main)
