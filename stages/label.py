"""Have an LLM label test examples itself: what an extractor has to beat."""

import asyncio
from pathlib import Path
from typing import Any

from relseed.explanations.explanation import Explanation
from relseed.labelling.demonstrations import demonstrations_of
from relseed.labelling.items import stratified
from relseed.labelling.labeller import Labeller, read_labeller
from relseed.labelling.prompt import LabelPrompt
from relseed.labelling.record import LLMLabel
from relseed.llm.client import open_client
from relseed.llm.llm import LLM
from relseed.pipeline.command import Entry, run
from relseed.pipeline.params import Params
from relseed.records.files import read_records, write_records
from relseed.tasks.task import Task, load_task, read_examples, read_schema
from relseed.tracking.run import tracked


def main(labeller: Entry, labels: Path, test: Path, seeds: Path, explanations: Path, labelled: Path) -> None:
    """Ask about each item, or score its labels, and write."""
    params = Params.read()
    task = load_task(params.value("task"))
    settings, llm = read_labeller(params, labeller)
    output = labelled / f"{labeller}.jsonl"
    described = {**llm.model_dump(), **settings.model_dump(mode="json")}
    reads = [labels, test, seeds, explanations, settings.reads, settings.retriever]
    with tracked("label", params=described, reads=reads, writes=[output]) as log:
        schema = read_schema(labels, task)
        items = stratified(read_examples(test, task, schema), settings.items, settings.seed)
        prompts = _prompts(settings, task, schema, items, read_examples(seeds, task, schema), explanations)
        found = _labelled(labeller, prompts, settings, llm, params)
        right = sum(each.predicted == each.label for each in found)
        log.log_metrics({"items": len(found), "right": right})
        print(f"{len(found)} items, {right} right, {sum(each.predicted is None for each in found)} without a label")
        write_records(output, found)


def _prompts(
    settings: Labeller, task: Task, schema: Any, items: list[Any], examples: list[Any], explanations: Path
) -> list[LabelPrompt]:
    cure = "build it with `dvc repro explain`"
    explained = [each for _, each in read_records(explanations, Explanation, cure=cure)] if settings.reasons else []
    reasons = {each.seed: each.text for each in explained}
    shown = demonstrations_of(settings, task, examples, items, reasons)
    return [
        LabelPrompt(task, schema, item, each, settings.answer, f"{settings.seed}/{item.id}")
        for item, each in zip(items, shown, strict=True)
    ]


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
    from relseed.labelling.ask import label_by_answers

    async with open_client(llm, f"label-{labeller}", settings.reads, params) as client:
        return await label_by_answers(labeller, prompts, settings, llm, client)


if __name__ == "__main__":
    run(main)
