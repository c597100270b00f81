"""A folder in which the stages of the small language model run, each with little to do."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from relseed.datasets.draw import draw
from relseed.llm.engines.transformers import TransformersEngine
from relseed.llm.request import Request, Response
from relseed.records.files import write_records
from relseed.tasks.relation import TASK
from relseed.tasks.relation.continuation import Continuation, document
from relseed.tasks.task import read_examples, read_schema
from stages import train_lm
from tests.conftest import set_params
from tests.graph import PARAMS, ROOT

ALMANAC, GAZETTE = ROOT / "data/almanac", ROOT / "data/gazette"
LABELS, SEED_FILE = GAZETTE / "relations.jsonl", Path("seeds.jsonl")
SCHEMA = read_schema(LABELS, TASK)
SEEDS = draw(read_examples(GAZETTE / "train.jsonl", TASK, SCHEMA), shots=3, seed=1)
BASE = "models/lm/base"
TEXTS = [document(SCHEMA.relations[0], [TASK.show(seed) for seed in SEEDS[:3]])]
SHORT = {"per_label": 2, "max_request_factor": 1, "demonstrations": 2}
PARAMETERS = {
    "lms": {"base": {"examples_per_document": 3, "max_steps": 4, "save_steps": 2, "lr": 5e-3, "precision": "fp32"}},
    "methods": {"untuned": SHORT, "tuned": SHORT},
    "pairs": {"small": {"flaws": {"wrong_relation": 1, "near_copy": 1, "exact_copy": 1}}},
    "dpo": {"tuned": {"max_steps": 6, "save_steps": 2, "lr": 1e-3, "precision": "fp32"}},
}


@contextmanager
def inside(folder: Path) -> Iterator[None]:
    """Run the block in a folder, as stages run in a checkout."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("DVC_ROOT", raising=False)
        patch.setenv("DISABLE_MLFLOW_INTEGRATION", "TRUE")
        yield


def train_base(folder: Path, start: Path) -> None:
    """Write parameters and seeds into a folder, and tune the small language model there."""
    (folder / "params.yaml").write_text(yaml.safe_dump(PARAMS), encoding="utf-8")
    set_params(folder, **PARAMETERS)
    set_params(folder, lms={"base": {"start": str(start), "revision": None}})
    with inside(folder):
        write_records(SEED_FILE, SEEDS)
        train_lm.main("base", background=ALMANAC, models=Path(BASE).parent)


def request(seed: int, adapter: str | None = None, tokens: int = 60, count: int = 1) -> Request:
    """A request for sentences of the first relation."""
    prompt = Continuation("tuned", SCHEMA.relations[0], count, 1000)
    return Request(
        model=BASE,
        adapter=adapter,
        messages=prompt.messages([TASK.show(SEEDS[0])]),
        response_schema=prompt.response_schema(),
        temperature=1,
        top_p=1,
        max_tokens=tokens,
        seed=seed,
    )


def responses(engine: TransformersEngine, *requests: Request) -> list[Response]:
    """The responses to requests that come at the same time."""

    async def gather() -> list[Response]:
        return list(await asyncio.gather(*map(engine.complete, requests)))

    return asyncio.run(gather())
