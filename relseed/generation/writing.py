"""Running a method: the units' loops side by side, against an engine, or in rehearsal; or its rule."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import cycle
from types import ModuleType
from typing import Any

from relseed.generation.exchanges import Exchange
from relseed.generation.method import Method, Target
from relseed.generation.runner import CostEstimate, RequestRunner, gather
from relseed.generation.units import Accepted, Asked, Unit, targets_of
from relseed.llm.client import Client
from relseed.llm.request import Request
from relseed.pipeline.named import load
from relseed.quality.rules import RuleFilter
from relseed.records.candidates import Candidate, Rejected, candidate_id, request_id
from relseed.records.spool import Spool
from relseed.tasks.task import Derived

# Units that are written at the same time, at most: more than an engine has requests for, and memory holds the prompts
# of no others.
_SIDE_BY_SIDE = 512


class Written:
    """What was asked and answered, unit by unit, and what of it is counted; the exchanges are on disk."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.exchanges = Spool(Exchange)
        self.requests = self.candidates = 0
        self.rejected: Counter[str] = Counter()  # candidates, by rule

    def add(self, unit: int, exchange: Exchange, rejected: Iterable[Rejected] = ()) -> None:
        """Keep an exchange as the last of a unit, and count what the rules rejected of it."""
        self.exchanges.add(exchange, unit)
        self.requests += exchange.request is not None
        self.candidates += len(exchange.candidates)
        self.rejected.update(each.rule for each in rejected)


class _Checked:
    """Sends the requests of one unit, and applies the rules to what comes, apart from other units.

    So units can be written side by side, and end with the same bytes. What was accepted is known from the first
    response to the end of the unit alone: it takes far more memory than what was written.
    """

    def __init__(self, method: Method, target: Target, runner: RequestRunner, written: Written, number: int) -> None:
        self._method, self._target, self._runner = method, target, runner
        self._written, self._number = written, number
        self._rules: RuleFilter | None = None

    async def __call__(self, asked: Sequence[Asked]) -> list[Accepted]:
        sent = [self._runner.send(query.id, query.request, query.prompt.parse) for query in asked]
        found = await gather(sent, self._runner.client)
        return [
            accepted for query, exchange in zip(asked, found, strict=True) for accepted in self._accept(query, exchange)
        ]

    def _accept(self, query: Asked, exchange: Exchange | BaseException) -> list[Accepted]:
        if isinstance(exchange, BaseException):
            raise exchange
        if query.after is not None:
            exchange = exchange.model_copy(update={"after": query.after})
        self._rules = self._rules or self._method.rules.with_nothing_accepted()
        accepted, rejected = self._rules.apply_all(exchange.candidates)
        self._written.add(self._number, exchange, rejected)
        own = list(filter(self._target.holds, accepted))
        self._runner.count_accepted(len(own))
        show = self._method.task.show
        return [Accepted(show(example), getattr(example, "tuple", None), example) for example in own]

    async def run(self, loop: ModuleType) -> None:
        """Write the unit to its end, then forget what was accepted.

        Raises:
            StoppedError: A response did not come.
        """
        try:
            await loop.write(Unit(self._method, self._target, self))
        finally:
            self._rules = None


async def write(method: Method, client: Client, targets: Sequence[Target] | None = None) -> Written:
    """Have a method write its targets (None: all), units side by side, exchanges in the order of the units.

    Raises:
        UserError: Not every request was answered.
    """
    loop = load("relseed.methods", method.settings.loop, "loop of a method")
    targets = targets_of(method, loop) if targets is None else targets
    estimate = sum([CostEstimate.of(await rehearse(method, [target])) for target in targets], CostEstimate.of([]))
    print(estimate.describe(client.engine.name, client.prices), flush=True)
    runner = RequestRunner(client, f"generate, {method.name}", sum(target.wanted for target in targets))
    written, slots = Written(), asyncio.Semaphore(_SIDE_BY_SIDE)

    async def run(number: int, target: Target) -> None:
        async with slots:
            await _Checked(method, target, runner, written, number).run(loop)

    await runner.run([run(number, target) for number, target in enumerate(targets)])
    return written


def make(method: Method) -> Written:
    """What a method that asks no LLM makes of the seeds by rule: an exchange without a request for each unit.

    Raises:
        UserError: The schema has no negative label, the method does not fit the task, or the seeds have nothing for it.
    """
    label, loop = method.negative, load("relseed.methods", method.settings.loop, "loop of a method")
    written, rules = Written(), method.rules.with_nothing_accepted()
    for number, (unit, found) in enumerate(loop.make(method).items()):
        exchange = _made(method.name, label, unit, found)
        written.add(number, exchange, rules.apply_all(exchange.candidates)[1])
    return written


def _made(method: str, label: str, unit: str, found: Sequence[Derived]) -> Exchange:
    id = request_id(method, unit, 0)
    candidates = tuple(
        Candidate(id=candidate_id(id, number), method=method, label=label, text=made.text, fields=made.fields)
        for number, made in enumerate(found)
    )
    return Exchange(id=id, request=None, response=None, candidates=candidates)


async def rehearse(method: Method, targets: Sequence[Target]) -> list[Request]:
    """The requests of a method if every example that it asks for is accepted, without sending any.

    What is written is taken to be as long as the seeds, which stand in for it in later prompts.
    """
    rehearsals = [_Rehearsal(method.demonstrations(target.shown), target.start) for target in targets]
    loop = load("relseed.methods", method.settings.loop, "loop of a method")
    for target, rehearsal in zip(targets, rehearsals, strict=True):
        await loop.write(Unit(method, target, rehearsal))
    return [request for rehearsal in rehearsals for request in rehearsal.requests]


class _Rehearsal:
    def __init__(self, demonstrations: Sequence[str], start: Any) -> None:
        self._shown, self._start = cycle(demonstrations or [""]), start
        self.requests: list[Request] = []

    async def __call__(self, asked: Sequence[Asked]) -> list[Accepted]:
        self.requests += [query.request for query in asked]
        about = [each.id for query in asked for each in query.tuples] or [None] * sum(query.count for query in asked)
        return [Accepted(shown, tuple, self._start) for shown, tuple in zip(self._shown, about, strict=False)]
