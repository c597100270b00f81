"""Requests and responses, and an engine that responds as its script says."""

import asyncio
from collections.abc import Callable
from typing import Any

from relseed.llm.client import Budget
from relseed.llm.engines.engine import Engine
from relseed.llm.prices import Prices
from relseed.llm.request import Message, Request, Response

UNLIMITED = Budget(tokens=None, cost=None)
FREE = Prices()

Script = Callable[[Request], str | Exception]


def request(prompt: str = "why?", **changes: Any) -> Request:
    messages = (Message(role="user", content=prompt),)
    fields = {"model": "m", "messages": messages, "temperature": 1, "top_p": 0.9, "max_tokens": 16, "seed": 1}
    return Request(**fields | changes)


def response(text: str = "because", **changes: Any) -> Response:
    fields = {"finish": "stop", "prompt_tokens": 3, "completion_tokens": 2, "seconds": 0.5, "engine": "e", "model": "m"}
    return Response(text=text, **fields | changes)


class Scripted(Engine):
    """An engine that responds as its script says, to each request after as many turns of the loop as `turns` says."""

    name = "scripted"
    is_record = False

    def __init__(
        self, script: Script = lambda _: "because", turns: Callable[[Request], int] = lambda _: 1, **counts: Any
    ) -> None:
        """`counts` are those of each response, such as `prompt_tokens`."""
        self.script, self.turns, self.counts = script, turns, counts
        self.requests: list[Request] = []
        self.in_flight: list[Request] = []
        self.most_in_flight: list[Request] = []

    async def complete(self, request: Request) -> Response:
        self.requests.append(request)
        self.in_flight.append(request)
        self.most_in_flight = max(self.most_in_flight, list(self.in_flight), key=len)
        for _ in range(self.turns(request)):
            await asyncio.sleep(0)
        self.in_flight.remove(request)
        if isinstance(text := self.script(request), Exception):
            raise text
        return response(text, engine=self.name, **self.counts)
