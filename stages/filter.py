"""Apply the rules to what a method wrote, candidate by candidate, and keep every rejected one with its reason.

Candidates are read and written one after another: memory holds what later ones are compared with, however many come.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from relseed.generation.exchanges import Exchange, read_exchanges
from relseed.generation.method import read_method
from relseed.generation.sentences import Sentences
from relseed.generation.summarize import Counting, diversities_of
from relseed.generation.summary import MethodSummary
from relseed.generation.usage import rejection_table
from relseed.llm.prices import Prices
from relseed.pipeline.command import Entry, run
from relseed.pipeline.outputs import output_file
from relseed.pipeline.params import Params
from relseed.quality.rules import RuleFilter, Rules
from relseed.records.candidates import Rejected
from relseed.records.files import json_lines_file
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
    counting, sentences = Counting(method), Sentences(task)
    with (
        tracked("filter", params=described, reads=[written, labels, seeds], writes=writes) as log,
        json_lines_file(lines[0]) as passed,
        json_lines_file(lines[1]) as failed,
    ):
        for outcome in _outcomes(read_exchanges(written), chosen.rules.with_nothing_accepted(), counting, sentences):
            add = failed if isinstance(outcome, Rejected) else passed
            add(outcome.model_dump(exclude_unset=True))
        print("\n".join(rejection_table(counting.rejected, counting.accepted)))
        prices = chosen.llm.prices if chosen.asks else Prices()
        measured = counting.summary(diversities_of(sentences, method), prices, schema.labels)
        _write(measured, writes[2], log)


def _outcomes(
    exchanges: Iterable[Exchange], rules: RuleFilter, counting: Counting, sentences: Sentences
) -> Iterator[Any | Rejected]:
    """What becomes of each candidate: an example, or why it is rejected."""
    for exchange in exchanges:
        outcomes = [rules.apply(candidate) for candidate in exchange.candidates]
        counting.add(exchange, outcomes)
        sentences.add(_readable(outcomes, rules.rules))
        yield from outcomes


def _readable(outcomes: Iterable[Any | Rejected], rules: Rules) -> Iterator[tuple[Any, bool]]:
    """What can be read as examples, whatever the rules say of it, and whether it was accepted."""
    for outcome in outcomes:
        if not isinstance(outcome, Rejected):
            yield outcome, True
            continue
        with suppress(ValueError):
            yield rules.example(outcome.candidate), False


def _write(summary: MethodSummary, path: Path, log: Run) -> None:
    log.log_metrics(summary.model_dump(include={"candidates", "accepted", "rejected", "cost_per_accepted", "after"}))
    with output_file(path) as partial:
        partial.write_text(summary.model_dump_json(indent=2, exclude_unset=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    run(main)
