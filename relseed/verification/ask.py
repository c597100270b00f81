"""An LLM that fills in a sheet: one question for each line, its answer held to the four that there are."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from relseed.generation.exchanges import Exchange
from relseed.generation.runner import CostEstimate, RequestRunner
from relseed.llm.client import Client, open_client
from relseed.llm.llm import LLM
from relseed.llm.request import Message, Request
from relseed.pipeline.errors import UserError
from relseed.pipeline.params import Params
from relseed.pipeline.templates import render
from relseed.records.candidates import request_id
from relseed.tasks.relation import TASK, Schema
from relseed.tasks.structured import json_object, json_schema
from relseed.verification.items import ANSWERS, Choice, Item, choice_of
from relseed.verification.sheet import MEANINGS

_TITLE = "verify"
_MAX_TOKENS = 16  # of an answer


def ask(params: Params, name: str, items: Sequence[Item], schema: Schema, recorded: Path) -> dict[str, Choice]:
    """The answers of the LLM of a name; lines to which it gives none of the four are left out.

    Raises:
        UserError: There is no such LLM, or not every request was answered.
    """
    if params.value(f"llms.{name}") is None:
        raise UserError(f"llms.{name} is null: name an LLM")
    llm = params.section(f"llms.{name}", LLM)
    if llm.form != "chat":
        raise UserError(f"llms.{name} goes on with texts: name an LLM whose form is chat")
    return asyncio.run(_asked(params, llm, items, schema, recorded))


def own_methods(params: Params, name: str, items: Sequence[Item]) -> list[str]:
    """The methods of a sheet by which an LLM of the same model wrote: it should not be asked about those."""
    model = params.value(f"llms.{name}")["model"]
    by = {method: params.value(f"methods.{method}")["llm"] for method in params.names("methods")}
    methods = dict.fromkeys(item.method for item in items if item.method in by)
    return [str(method) for method in methods if (params.value(f"llms.{by[method]}") or {}).get("model") == model]


def requests_of(items: Sequence[Item], schema: Schema, llm: LLM) -> list[Request]:
    """A request for each item."""
    own = llm.for_label("")  # the same for all: it has no adapters for each
    wanted = json_schema(answer={"type": "string", "enum": list(ANSWERS)})
    return [own.request(_id(item), _messages(item, schema), wanted, _MAX_TOKENS) for item in items]


async def answered(items: Sequence[Item], schema: Schema, llm: LLM, client: Client) -> dict[str, Choice]:
    """The answers by the ids of items.

    Raises:
        UserError: Not every request was answered.
    """
    requests = requests_of(items, schema, llm)
    print(CostEstimate.of(requests).describe(client.engine.name, client.prices), flush=True)
    runner = RequestRunner(client, _TITLE, len(items))
    sent = [_send(runner, item, request) for item, request in zip(items, requests, strict=True)]
    found = zip(items, await runner.run(sent), strict=True)
    return {item.id: choice for item, exchange in found if (choice := _read(exchange)) is not None}


async def _asked(params: Params, llm: LLM, items: Sequence[Item], schema: Schema, recorded: Path) -> dict[str, Choice]:
    async with open_client(llm, _TITLE, recorded, params) as client:
        return await answered(items, schema, llm, client)


async def _send(runner: RequestRunner, item: Item, request: Request) -> Exchange:
    exchange = await runner.send(_id(item), request, lambda *_, **__: ())
    runner.count_accepted(1)
    return exchange


def _id(item: Item) -> str:
    """What its random numbers are made from: the example, not its place in the sheet."""
    return request_id(_TITLE, f"{item.kind}/{item.source}", 0)


def _messages(item: Item, schema: Schema) -> tuple[Message, ...]:
    text = render(
        Path(__file__).with_name("question.jinja"),
        sentence=TASK.show(item.example),
        relation=schema.by_label[item.relation],
        meanings=MEANINGS,
    )
    return (Message(role="user", content=text),)


def _read(exchange: Exchange) -> Choice | None:
    if exchange.response is None:
        return None
    try:
        said: Any = json_object(exchange.response.text, "answer").get("answer")
    except (ValueError, RecursionError):
        return None
    return choice_of(said) if isinstance(said, str) else None
