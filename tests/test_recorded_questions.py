"""What an LLM answered for Bulletin and Quiz, as `make yes_no` and `make multiple_choice` ask."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from relseed.datasets.draw import draw
from relseed.generation.exchanges import Exchange
from relseed.generation.method import Method, read_method
from relseed.generation.writing import write
from relseed.llm.client import open_client
from relseed.llm.engines.batch import read_responses
from relseed.pipeline.params import Params
from relseed.quality.duplicates import nearest
from relseed.tasks.task import load_task, read_examples

VALUES = Params.read().values
FILES = [
    (folder, task, per_label, choose, file)
    for folder, task, per_label in (("bulletin", "yes_no", 40), ("quiz", "multiple_choice", 16))
    for choose, file in (("tree", "creator"), ("random", "creator_random"))
]


def changed(per_label: int, choose: str, reads: Path) -> Params:
    """The parameters with the changes that the Makefile and the studies make."""
    creator = VALUES["methods"]["creator"] | {"per_label": per_label, "choose": choose, "reads": str(reads)}
    creator |= {"balanced": False, "negatives": []}
    return Params(
        VALUES | {"methods": {"creator": creator}, "rules": VALUES["rules"] | {"min_words": 4, "max_words": 90}}
    )


def splits(folder: str, task: Any) -> tuple[Any, dict[str, list[Any]]]:
    read = {
        split: read_examples(Path(f"data/{folder}/{split}.jsonl"), task, task.fixed_schema)
        for split in ("train", "validation", "test")
    }
    return task.labels_of(task.fixed_schema, read["train"]), read


@pytest.mark.parametrize(("folder", "task", "per_label", "choose", "file"), FILES)
def test_eighty_questions_are_accepted_from_as_many_responses_as_are_recorded(folder, task, per_label, choose, file):
    task, reads = load_task(task), Path(f"data/recorded/{folder}/{file}.jsonl")
    schema, examples = splits(folder, task)
    params = changed(per_label, choose, reads)
    method = read_method(params, "creator", task, schema, draw(examples["train"], shots=8, seed=1))
    exchanges = asyncio.run(asked(method, params))
    accepted, rejected = method.rules.apply_all(found for each in exchanges for found in each.candidates)
    assert (len(accepted), len(rejected)) == (80, 0)
    assert {each.request.key for each in exchanges} == set(read_responses(reads))
    assert min(Counter(example.label for example in accepted).values()) >= per_label - 4
    known = list(map(task.text, [*examples["validation"], *examples["test"]]))
    assert [match for match in nearest(list(map(task.text, accepted)), known, threshold=0.6) if match] == []


async def asked(method: Method, params: Params) -> list[Exchange]:
    async with open_client(method.llm, "test", Path(method.settings.reads), params) as client:
        return list((await write(method, client)).exchanges)
