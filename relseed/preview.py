"""What the next run would ask, without asking: rendered prompts, their schemas, the counts and the estimated cost."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from relseed.explanations.explain import Explain, first_requests
from relseed.explanations.prompt import METHOD, ExplanationPrompt
from relseed.generation.method import loop_of, read_method
from relseed.generation.runner import CostEstimate
from relseed.generation.units import targets_of
from relseed.generation.writing import rehearse
from relseed.labelling.ask import label_requests
from relseed.labelling.inputs import read_prompts
from relseed.labelling.labeller import read_labeller
from relseed.llm.llm import LLM
from relseed.llm.request import Request
from relseed.pipeline.errors import UserError
from relseed.pipeline.params import Params
from relseed.tasks.relation import TASK as RELATION
from relseed.tasks.task import Task, load_task, read_examples, read_schema
from relseed.tuples import written
from relseed.tuples.prompt import METHOD as TUPLES

_CURE = "build it with `dvc repro sample`"


def preview(params: Params, names: Sequence[str], data: Path) -> str:
    """The preview of methods, of labellers, of `explain` and of `tuples`; what cannot be rendered yet says why.

    Raises:
        UserError: The seeds are not there, or a name is unknown.
    """
    others = {METHOD: _explanations, TUPLES: _tuples} | dict.fromkeys(params.names("labellers"), _labeller)
    return "\n".join(others.get(name, _method)(params, name, data) for name in names)


def _method(params: Params, name: str, data: Path) -> str:
    task = load_task(params.value("task"))
    schema, seeds = _read(data, task)
    method = read_method(params, name, task, schema, seeds)
    if method.asks is None:
        return f"=== {name}: made by rule from the seeds, loop {method.settings.loop}: asks nothing\n"
    settings, targets = method.settings, targets_of(method, loop_of(params, name))
    try:
        requests = asyncio.run(rehearse(method, targets))
    except UserError as error:
        return f"=== {name}: cannot be rendered yet: {error}\n"
    wanted = f"{sum(target.wanted for target in targets)} examples in {len(targets)} units, loop {settings.loop}"
    return _shown(name, wanted, settings.llm, method.llm, requests)


def _explanations(params: Params, name: str, data: Path) -> str:
    settings = params.section("explain", Explain)
    llm = params.section(f"llms.{settings.llm}", LLM)
    if (task := params.value("task")) != RELATION.name:
        return f"=== {name}: has relations explained, and the task is {task}\n"
    schema, seeds = _read(data, RELATION)
    requests = list(first_requests([ExplanationPrompt(schema, seed) for seed in seeds], settings, llm))
    return _shown(name, f"an explanation of each of {len(seeds)} seeds", settings.llm, llm, requests)


def _tuples(params: Params, name: str, data: Path) -> str:
    if (source := params.value("tuples")["source"]) != "written":
        return f"=== {name}: from {source}: asks nothing\n"
    if (task := params.value("task")) != RELATION.name:
        return f"=== {name}: has tuples of relations written, and the task is {task}\n"
    settings = params.section("tuples", written.Settings)
    llm = params.section(f"llms.{settings.llm}", LLM)
    requests = written.first_requests(written.units_of(*_read(data, RELATION)), settings, llm)
    return _shown(name, f"{settings.per_label} tuples of each relation", settings.llm, llm, requests)


def _labeller(params: Params, name: str, data: Path) -> str:
    settings, llm = read_labeller(params, name)
    files = {"labels": "dataset/labels.jsonl", "test": "dataset/test.jsonl", "seeds": "seeds/train.jsonl"}
    task = load_task(params.value("task"))
    try:
        prompts = read_prompts(settings, task, **{part: data / file for part, file in files.items()})
        requests = label_requests(name, prompts, settings, llm)
    except UserError as error:
        return f"=== {name}: cannot be rendered yet: {error}\n"
    wanted = f"labels of {len(prompts)} test examples, demonstrations {settings.demonstrations}"
    if settings.scores:
        return f"=== {name}: {wanted}, by {settings.llm} ({llm.model}), which scores the names: asks nothing\n"
    return _shown(name, wanted, settings.llm, llm, requests)


def _read(data: Path, task: Task) -> tuple[Any, list[Any]]:
    """Schema and seeds."""
    schema = read_schema(data / "dataset/labels.jsonl", task, cure=_CURE)
    return schema, read_examples(data / "seeds/train.jsonl", task, schema, cure=_CURE)


def _shown(name: str, wanted: str, llm_name: str, llm: LLM, requests: Sequence[Request]) -> str:
    estimate = CostEstimate.of(requests).describe(llm.engine, llm.prices)
    parts = [f"=== {name}: {wanted}, by {llm_name} ({llm.model})\n{estimate}"]
    # The first request, one of the middle and the last.
    for number, place in enumerate(dict.fromkeys((0, len(requests) // 2, len(requests) - 1)), start=1):
        parts.append(_request(number, requests[place]))
    return "\n".join(parts) + "\n"


def _request(number: int, request: Request) -> str:
    messages = [line for message in request.messages for line in (f"[{message.role}]", message.content)]
    schema = json.dumps(request.response_schema, ensure_ascii=False) if request.response_schema else "none: free text"
    return "\n".join([f"\n--- prompt {number}", *messages, f"--- response schema {number}", schema])
