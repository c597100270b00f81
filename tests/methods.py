"""Methods that write of three labels, and responses to what they ask."""

import asyncio
import hashlib
import json
import re
from collections.abc import Sequence
from typing import Any

import yaml

from relseed.generation.exchanges import Exchange
from relseed.generation.method import Method, Target, loop_of
from relseed.generation.units import targets_of
from relseed.generation.writing import Written, write
from relseed.llm.client import Client
from relseed.llm.llm import LLM
from relseed.llm.request import Request
from relseed.pipeline.params import Params
from relseed.quality.rules import RuleFilter, RuleSettings
from relseed.tasks.relation import TASK, Example, Schema
from relseed.tasks.relation.tags import untag
from tests.graph import ROOT
from tests.scripted import FREE, UNLIMITED, Script, Scripted

LABELS = ("owns", "rows_to", "none")
SCHEMA = Schema.model_validate(
    {"relations": [{"relation": name, "definition": f"is {name}", "negative": name == "none"} for name in LABELS]}
)
TEXTS = [(name, f"<e1>Marit</e1> {name} <e2>Sula</e2> for all we ever heard {n}") for name in LABELS for n in range(5)]
SEEDS = [Example(**dict(untag(text)) | {"id": text, "relation": name}) for name, text in TEXTS]
PARAMS = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
TEACHER = LLM(**PARAMS["llms"]["teacher"])
SETTINGS = {
    "per_label": 6,
    "max_request_factor": 2,
    "demonstrations": 8,
    "diversity_instruction": False,
    "max_tokens_per_example": 20,
    "negatives": ["co_occurrence", "hard"],
}
RULES = RuleSettings(min_words=3, max_words=30, near_duplicate=0.9, near_duplicate_masked=None, language=None)
BAD = "<e1>Marit</e1> <e2>Sula</e2>"  # too short


def rule_filter(seeds: Sequence[Example] = SEEDS, schema: Schema = SCHEMA) -> RuleFilter:
    return RuleFilter(TASK.rules(schema, seeds, RULES), RULES, seeds)


def method(
    name: str, llm: LLM = TEACHER, seeds: Sequence[Example] = SEEDS, schema: Schema = SCHEMA, **changes: Any
) -> Method:
    """The method of params.yaml, asking for a few examples."""
    entry = PARAMS["methods"][name] | SETTINGS
    if "per_request" in entry:
        entry["per_request"] = 4
    settings = loop_of(Params(PARAMS), name).Settings(**entry | changes)
    return Method(name, settings, llm, TASK, schema, rule_filter(seeds, schema))


def targets(chosen: Method, *units: str) -> list[Target]:
    """What a method writes, all of it or of some units."""
    every = targets_of(chosen, loop_of(Params(PARAMS), chosen.name))
    return [target for target in every if not units or target.unit in units]


def written(engine: Scripted, chosen: Method, *labels: str, client: Client | None = None) -> list[Exchange]:
    """What is asked and answered when a method writes, of all labels or of some."""
    return list(run(engine, chosen, *labels, client=client).exchanges)


def run(engine: Scripted, chosen: Method, *labels: str, client: Client | None = None) -> Written:
    """All that comes of it when a method writes, of all labels or of some."""
    if labels:
        seeds = [seed for seed in chosen.rules.seeds if seed.label in labels]
        chosen = Method(chosen.name, chosen.settings, chosen.llm, TASK, SCHEMA, rule_filter(seeds))

    async def within_time() -> Written:
        return await asyncio.wait_for(write(chosen, client or Client(engine, None, UNLIMITED, FREE)), 20)

    return asyncio.run(within_time())


def label(request: Request) -> str:
    return request.response_schema["properties"]["relation"]["enum"][0].replace(" ", "_")


def size(request: Request) -> int:
    return request.response_schema["properties"]["samples"]["minItems"]


def shown(request: Request) -> list[str]:
    return re.findall(r"^\d+\. (.*)$", request.messages[-1].content, re.MULTILINE)


def text_of(*sentences: str) -> str:
    """The text of a response that holds these sentences."""
    return json.dumps({"samples": [{"sentence": sentence} for sentence in sentences]})


def new(request: Request, count: int) -> list[str]:
    """Sentences that no other request gets."""
    digests = (hashlib.sha256(f"{request.key}/{number}".encode()).hexdigest() for number in range(count))
    words = ([digest[start : start + 6] for start in range(0, 30, 6)] for digest in digests)
    return [f"<e1>{head}</e1> and <e2>{tail}</e2> {' '.join(rest)}" for head, tail, *rest in words]


def mixed(request: Request, count: int) -> str:
    """`count` good sentences, and bad ones for the rest."""
    return text_of(*new(request, count), *[BAD] * (size(request) - count))


def good(request: Request) -> str:
    return mixed(request, size(request))


def in_turn(*counts: int) -> Script:
    """The n-th response holds `counts[n]` good sentences."""
    left = iter(counts)
    return lambda request: mixed(request, next(left))
