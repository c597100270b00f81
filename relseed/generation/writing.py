"""Running a method: every label's loop at once, against an engine, or in rehearsal."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, islice

from relseed.generation.exchanges import Exchange
from relseed.generation.method import Asked, Method, Unit, labels_to_write
from relseed.generation.runner import CostEstimate, RequestRunner, gather
from relseed.llm.client import Client
from relseed.llm.request import Request
from relseed.pipeline.named import load
from relseed.records.candidates import Rejected


@dataclass(frozen=True, slots=True)
class Written:
    """What was asked and answered, and what the rules rejected on the way."""

    exchanges: list[Exchange]
    rejected: list[Rejected]


class _Checked:
    """Sends the requests of one label, and applies the rules to what comes, apart from other labels.

    So labels can be written side by side, and end with the same bytes.
    """

    def __init__(self, method: Method, runner: RequestRunner) -> None:
        self._show, self._rules, self._runner = method.task.show, method.rules.with_nothing_accepted(), runner
        self.exchanges: list[Exchange] = []
        self.rejected: list[Rejected] = []

    async def __call__(self, asked: Sequence[Asked]) -> list[str]:
        found = await gather([self._runner.send(query.id, query.request, query.prompt.parse) for query in asked])
        return [shown for exchange in found for shown in self._accept(exchange)]

    def _accept(self, exchange: Exchange | BaseException) -> list[str]:
        if isinstance(exchange, BaseException):
            raise exchange
        self.exchanges.append(exchange)
        accepted, rejected = self._rules.apply_all(exchange.candidates)
        self.rejected += rejected
        self._runner.count_accepted(len(accepted))
        return list(map(self._show, accepted))


async def write(method: Method, client: Client) -> Written:
    """Have a method write, all labels side by side, exchanges in the order of the labels.

    Raises:
        UserError: Not every request was answered.
    """
    labels = labels_to_write(method)
    estimate = CostEstimate.of(await rehearse(method, labels))
    print(estimate.describe(client.engine.name, client.prices), flush=True)
    runner = RequestRunner(client, f"generate, {method.name}", len(labels) * method.settings.per_label)
    loop = load("relseed.methods", method.settings.loop, "loop of a method")
    checked = [_Checked(method, runner) for _ in labels]
    units = [Unit(method, label, send) for label, send in zip(labels, checked, strict=True)]
    await runner.run([loop.write(unit) for unit in units])
    return Written(
        [exchange for unit in checked for exchange in unit.exchanges],
        [item for unit in checked for item in unit.rejected],
    )


async def rehearse(method: Method, labels: Sequence[str]) -> list[Request]:
    """The requests of a method if every example that it asks for is accepted, without sending any.

    What is written is taken to be as long as the seeds, which stand in for it in later prompts.
    """
    rehearsals = [_Rehearsal(method.demonstrations(label)) for label in labels]
    loop = load("relseed.methods", method.settings.loop, "loop of a method")
    for label, rehearsal in zip(labels, rehearsals, strict=True):
        await loop.write(Unit(method, label, rehearsal))
    return [request for rehearsal in rehearsals for request in rehearsal.requests]


class _Rehearsal:
    def __init__(self, demonstrations: Sequence[str]) -> None:
        self._examples = cycle(demonstrations)
        self.requests: list[Request] = []

    async def __call__(self, asked: Sequence[Asked]) -> list[str]:
        self.requests += [query.request for query in asked]
        return list(islice(self._examples, sum(query.count for query in asked)))
