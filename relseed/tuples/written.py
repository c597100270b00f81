"""Tuples that an LLM writes: names that no seed holds, of the types that a relation asks for, no tuple twice."""

import asyncio
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from pydantic import Field, PositiveInt

from relseed.generation.exchanges import Exchange
from relseed.generation.runner import CostEstimate, RequestRunner
from relseed.llm.client import open_client
from relseed.llm.llm import LLM
from relseed.llm.request import Request
from relseed.quality.duplicates import normalise
from relseed.records.candidates import REFUSED, Candidate, request_id
from relseed.tasks.relation import Example, Relation, Schema
from relseed.tasks.relation.entity_tuple import EntityTuple
from relseed.tuples.prompt import METHOD, TuplePrompt
from relseed.tuples.source import Asked, TuplesSettings, Unwanted


class Settings(TuplesSettings):
    """The section `tuples` with this source."""

    llm: str  # an entry of `llms`
    per_label: PositiveInt  # of each relation: so many are asked for
    max_request_factor: float = Field(ge=1, allow_inf_nan=False)  # times per_label that are asked for at most
    per_request: PositiveInt  # in one response, at most
    max_tokens_per_tuple: PositiveInt  # of a response: this for each tuple, and as much once more


@dataclass(frozen=True, slots=True)
class _Unit:
    """A relation, and the names that its tuples must not hold."""

    relation: Relation
    taken: tuple[tuple[str, str], ...]  # the pairs of its seeds
    seed_names: frozenset[str]  # of all seeds


def collect(asked: Asked) -> Iterator[EntityTuple]:
    """The tuples, relation by relation.

    Raises:
        UserError: Not every request was answered.
    """
    settings: Settings = asked.settings
    llm = asked.params.section(f"llms.{settings.llm}", LLM)
    return iter(asyncio.run(_written(units_of(asked.schema, asked.seeds), llm, asked)))


def units_of(schema: Schema, seeds: Sequence[Example]) -> list[_Unit]:
    """The relations that assert something."""
    pairs = {seed: (seed.head.text_of(seed.text), seed.tail.text_of(seed.text)) for seed in seeds}
    names = frozenset(normalise(name) for pair in pairs.values() for name in pair)
    return [
        _Unit(each, tuple(pair for seed, pair in pairs.items() if seed.relation == each.relation), names)
        for each in schema.relations
        if not each.negative
    ]


def first_requests(units: Sequence[_Unit], settings: Settings, llm: LLM) -> list[Request]:
    """What is asked of each relation first."""
    counts = [min(_wanted(unit, settings), settings.per_request) for unit in units]
    return [_request(unit, 0, count, unit.taken, settings, llm)[2] for unit, count in zip(units, counts, strict=True)]


async def _written(units: Sequence[_Unit], llm: LLM, asked: Asked) -> list[EntityTuple]:
    settings: Settings = asked.settings
    async with open_client(llm, METHOD, settings.reads, asked.params) as client:
        estimate = CostEstimate.of(first_requests(units, settings, llm))
        print(estimate.describe(client.engine.name, client.prices), flush=True)
        runner = RequestRunner(client, METHOD, sum(_wanted(unit, settings) for unit in units))
        found = await runner.run([_write(unit, runner, llm, asked) for unit in units])
    return [each for tuples in found for each in tuples]


async def _write(unit: _Unit, runner: RequestRunner, llm: LLM, asked: Asked) -> list[EntityTuple]:
    """Ask for tuples of a relation until there are enough, or as many were asked for as may be."""
    settings: Settings = asked.settings
    wanted, found, requested, number = _wanted(unit, settings), list[EntityTuple](), 0, 0
    most = int(round(wanted * settings.max_request_factor, 6))
    while (missing := min(wanted - len(found), most - requested)) > 0:
        count = min(missing, settings.per_request)
        taken = (*unit.taken, *((each.head, each.tail) for each in found))
        id, prompt, request = _request(unit, number, count, taken, settings, llm)
        exchange = await runner.send(id, request, prompt.parse)
        accepted = _accepted(exchange, unit, found, asked)
        runner.count_accepted(len(accepted))
        found, requested, number = [*found, *accepted], requested + count, number + 1
    return found


def _accepted(exchange: Exchange, unit: _Unit, found: Sequence[EntityTuple], asked: Asked) -> list[EntityTuple]:
    """The tuples of a response whose names are new."""
    asked.exchanges.append(exchange)
    names = {name for each in found for name in each.names}
    accepted = []
    for candidate in exchange.candidates:
        try:
            accepted.append(each := _read(candidate, unit, names))
            names |= set(each.names)
        except Unwanted as unwanted:
            asked.leave_out(candidate.id, unwanted)
    return accepted


def _read(candidate: Candidate, unit: _Unit, names: Collection[str]) -> EntityTuple:
    """Raises Unwanted where it is no tuple, or its names are known."""
    if candidate.problem:
        raise Unwanted(REFUSED if candidate.refused else "unreadable", f"{candidate.problem}: {candidate.text}")
    types = {"head_type": unit.relation.head_type, "tail_type": unit.relation.tail_type}
    pair = {role: candidate.fields.get(role) for role in ("head", "tail")}
    try:
        found = EntityTuple.model_validate(pair | types | {"relation": candidate.label, "source": candidate.id})
    except ValueError:
        raise Unwanted("no_name", candidate.text) from None
    if unit.seed_names.intersection(found.names):
        raise Unwanted("name_of_a_seed", candidate.text)
    if any(name in names for name in found.names):
        raise Unwanted("name_repeated", candidate.text)
    return found


def _wanted(unit: _Unit, settings: Settings) -> int:
    most = settings.most_of(unit.relation)
    assert most is not None, "with this source, per_label is a number"
    return most


def _request(
    unit: _Unit, number: int, count: int, taken: Sequence[tuple[str, str]], settings: Settings, llm: LLM
) -> tuple[str, TuplePrompt, Request]:
    id, prompt = request_id(METHOD, unit.relation.relation, number), TuplePrompt(unit.relation, count, taken)
    own, tokens = llm.for_label(unit.relation.relation), settings.max_tokens_per_tuple * (count + 1)
    return id, prompt, own.request(id, prompt.messages(), prompt.response_schema(), tokens)
