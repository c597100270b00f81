"""Have an LLM explain each seed: why does this head have this relation to this tail in this sentence?"""

import asyncio
from collections import Counter
from dataclasses import asdict
from pathlib import Path

from relseed.explanations.explain import Attempts, Explain, explain
from relseed.explanations.explanation import Explanation
from relseed.explanations.prompt import ExplanationPrompt
from relseed.generation.usage import rejection_table, usage_of
from relseed.llm.client import open_client
from relseed.llm.llm import LLM
from relseed.pipeline.command import run
from relseed.pipeline.errors import UserError
from relseed.pipeline.params import Params
from relseed.records.candidates import Rejected
from relseed.records.files import write_records
from relseed.tasks.relation import TASK
from relseed.tasks.task import read_examples, read_schema
from relseed.tracking.run import tracked


def main(labels: Path, seeds: Path, explanations: Path, rejected: Path, candidates: Path) -> None:
    """Ask about each seed, apply the rules, and write."""
    params = Params.read()
    if (task := params.value("task")) != TASK.name:
        raise UserError(f"relations are explained, and the task is {task}: run `dvc repro report`, which needs none")
    settings = params.section("explain", Explain)
    llm = params.section(f"llms.{settings.llm}", LLM)
    schema = read_schema(labels, TASK)
    prompts = [ExplanationPrompt(schema, seed) for seed in read_examples(seeds, TASK, schema)]
    described = {**llm.model_dump(), **settings.model_dump()}
    writes = [explanations, rejected, candidates]
    with tracked("explain", params=described, reads=[labels, seeds, settings.reads], writes=writes) as log:
        attempts = asyncio.run(_explain(prompts, settings, llm, params))
        outcomes = [outcome for each in attempts for outcome in each.outcomes]
        explained = [outcome for outcome in outcomes if isinstance(outcome, Explanation)]
        failed = [outcome for outcome in outcomes if isinstance(outcome, Rejected)]
        exchanges = [exchange for each in attempts for exchange in each.exchanges]
        usage = {name: value for name, value in asdict(usage_of(exchanges, llm.prices)).items() if value is not None}
        log.log_metrics({"explained": len(explained), "rejected": len(failed), **usage})
        print("\n".join(rejection_table(Counter(each.rule for each in failed), len(explained))))
        write_records(explanations, explained)
        write_records(rejected, failed)
        write_records(candidates, exchanges)


async def _explain(prompts: list[ExplanationPrompt], settings: Explain, llm: LLM, params: Params) -> list[Attempts]:
    async with open_client(llm, "explain", settings.reads, params) as client:
        return await explain(prompts, settings, llm, client)


if __name__ == "__main__":
    run(main)
