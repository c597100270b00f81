"""Have examples written by one method, until each label has enough that pass the rules; or make them by rule.

Every response that an engine gives is in the request cache before the next step, so that a killed run resumes; with
the engine `batch` its files are the record.
"""

import asyncio
from pathlib import Path

from relseed.generation.exchanges import Exchange
from relseed.generation.method import Method, read_method
from relseed.generation.usage import rejection_table
from relseed.generation.writing import Written, make, write
from relseed.llm.client import open_client
from relseed.llm.engines.weights import missing_weights
from relseed.pipeline.command import Entry, run
from relseed.pipeline.params import Params
from relseed.records.candidates import request_id
from relseed.records.files import write_records
from relseed.tasks.task import load_task, read_examples, read_schema
from relseed.tracking.run import tracked


def main(method: Entry, labels: Path, seeds: Path, candidates: Path) -> None:
    """Ask, and write what came."""
    params = Params.read()
    task = load_task(params.value("task"))
    schema = read_schema(labels, task)
    chosen = read_method(params, method, task, schema, read_examples(seeds, task, schema))
    output = candidates / f"{method}.jsonl"
    described = {"method": method, **chosen.settings.model_dump(), **(chosen.llm.model_dump() if chosen.asks else {})}
    reads = [labels, seeds, Path(chosen.settings.reads)]
    with tracked("generate", params=described, reads=reads, writes=[output]) as log:
        written = _written(chosen, params)
        rejected = written.rejected.total()
        print("\n".join(rejection_table(written.rejected, written.candidates - rejected)))
        counts = {"requests": written.requests, "candidates": written.candidates, "rejected": rejected}
        log.log_metrics(counts)
        write_records(output, written.exchanges)


def _written(method: Method, params: Params) -> Written:
    if method.asks is None:
        return make(method)
    if method.settings.optional and (cure := missing_weights(method.llm.model)):
        print(f"skipped {method.name}: {cure}, then `dvc repro --force --single-item generate@{method.name}`")
        skipped = Written()
        skipped.add(0, Exchange(id=request_id(method.name, "skipped", 0), request=None, response=None, skipped=cure))
        return skipped
    return asyncio.run(_write(method, params))


async def _write(method: Method, params: Params) -> Written:
    async with open_client(method.llm, f"generate-{method.name}", Path(method.settings.reads), params) as client:
        return await write(method, client)


if __name__ == "__main__":
    run(main)
