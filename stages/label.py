"""Have an LLM label test examples itself: what an extractor has to beat."""

import asyncio
from pathlib import Path

from relseed.labelling.ask import label_by_answers
from relseed.labelling.inputs import read_prompts
from relseed.labelling.labeller import Labeller, read_labeller
from relseed.labelling.prompt import LabelPrompt
from relseed.labelling.record import LLMLabel
from relseed.llm.client import open_client
from relseed.llm.llm import LLM
from relseed.pipeline.command import Entry, run
from relseed.pipeline.params import Params
from relseed.records.files import write_records
from relseed.tasks.task import load_task
from relseed.tracking.run import tracked


def main(labeller: Entry, labels: Path, test: Path, seeds: Path, labelled: Path) -> None:
    """Ask about each item, or score its labels, and write."""
    params = Params.read()
    task = load_task(params.value("task"))
    settings, llm = read_labeller(params, labeller)
    output = labelled / f"{labeller}.jsonl"
    described = {f"llm_{name}": value for name, value in llm.model_dump().items()} | settings.model_dump(mode="json")
    reads = [labels, test, seeds, settings.reads, settings.retriever, settings.explanations]
    with tracked("label", params=described, reads=reads, writes=[output]) as log:
        prompts = read_prompts(settings, task, labels=labels, test=test, seeds=seeds)
        found = _labelled(labeller, prompts, settings, llm, params)
        right = sum(each.predicted == each.label for each in found)
        log.log_metrics({"items": len(found), "right": right})
        print(f"{len(found)} items, {right} right, {sum(each.predicted is None for each in found)} without a label")
        write_records(output, found)


def _labelled(
    labeller: str, prompts: list[LabelPrompt], settings: Labeller, llm: LLM, params: Params
) -> list[LLMLabel]:
    if settings.scores:
        from relseed.labelling.score import label_by_scores  # late: it loads what runs a model in this process

        return label_by_scores(prompts, settings.answer, llm)
    return asyncio.run(_answered(labeller, prompts, settings, llm, params))


async def _answered(
    labeller: str, prompts: list[LabelPrompt], settings: Labeller, llm: LLM, params: Params
) -> list[LLMLabel]:
    async with open_client(llm, f"label-{labeller}", settings.reads, params) as client:
        return await label_by_answers(labeller, prompts, settings, llm, client)


if __name__ == "__main__":
    run(main)
