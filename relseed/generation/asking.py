"""Asking for many things at once: what it will take, how far it is, what stopped it."""

import asyncio
import time
from collections import Counter
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from relseed.generation.answers import Answer
from relseed.llm.client import BudgetSpentError, Client, estimated_tokens
from relseed.llm.request import Request, UnansweredError
from relseed.pipeline.errors import UserError
from relseed.pipeline.progress import bar
from relseed.tasks.relation.written import Draft

Result = TypeVar("Result")


class Read(Protocol):
    """Reads an answer into drafts."""

    def __call__(self, text: str, *, truncated: bool) -> Sequence[Draft]: ...  # noqa: D102


_FINAL = "refused"  # the one reason that asking again would not change


@dataclass(frozen=True, slots=True)
class Expected:
    """What a run will take if nothing is rejected."""

    requests: int
    prompt_tokens: int
    completion_tokens: int  # at most

    @classmethod
    def of(cls, requests: Sequence[Request]) -> "Expected":
        """What these requests take."""
        return cls(len(requests), sum(map(estimated_tokens, requests)), sum(request.max_tokens for request in requests))

    def __add__(self, other: "Expected") -> "Expected":
        return Expected(
            self.requests + other.requests,
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
        )


class StoppedError(Exception):
    """What is asked next depends on an answer that did not come."""


class Asking:
    """One stage's requests: each answer is read, counted and shown."""

    def __init__(self, client: Client, title: str, wanted: int) -> None:
        """Show progress towards `wanted` accepted things under `title`."""
        self.client = client
        self.stopped: Counter[str] = Counter()
        self._details: dict[str, str] = {}  # the first message of each reason
        self._bar = bar(desc=title, unit="accepted", total=wanted)
        self._start = time.monotonic()

    def announce(self, expected: Expected) -> None:
        """Say what the run may take, before it does."""
        price = self.client.budget.price(expected.prompt_tokens, expected.completion_tokens)
        cost = "no prices are set" if price is None else f"a cost of about {price:.2f}"
        print(
            f"{expected.requests:,} requests to the engine {self.client.engine.name!r}: prompts of about "
            f"{expected.prompt_tokens:,} tokens, answers of at most {expected.completion_tokens:,}, {cost}, "
            "if nothing is rejected",
            flush=True,
        )

    async def ask(self, id: str, request: Request, read: Read) -> Answer:
        """Ask, and read the answer into drafts.

        Raises:
            StoppedError: There is no answer now, and there may be one later.
        """
        try:
            completion = await self.client.ask(request)
        except BudgetSpentError as error:
            self.stopped[f"budget: {error}"] += 1
            raise StoppedError from error
        except UnansweredError as error:
            self._details.setdefault(error.reason, str(error))
            if error.reason == _FINAL:
                return Answer(id=id, request=request, completion=None, refusal=str(error))
            self.stopped[error.reason] += 1
            raise StoppedError from error
        drafts = tuple(read(completion.text, truncated=completion.truncated))
        return Answer(id=id, request=request, completion=completion, drafts=drafts).timeless()

    def accept(self, count: int) -> None:
        """Move the bar."""
        spent, seconds = self.client.spent, time.monotonic() - self._start
        cost = self.client.cost()
        rate = f"{spent.tokens / seconds:.0f} tokens/s" if seconds else ""
        self._bar.set_postfix_str(rate if cost is None else f"{rate}, cost {cost:.4f}", refresh=False)
        self._bar.update(count)

    async def all(self, tasks: Sequence[Coroutine[Any, Any, Result]]) -> list[Result]:
        """Run all to their end, and return what they return, in order.

        Raises:
            UserError: Some were stopped (the others ran to their end, and every answer is kept), or all were refused.
        """
        results = await gathered(tasks)
        self._bar.close()
        failures = [result for result in results if isinstance(result, BaseException)]
        for failure in failures:
            if not isinstance(failure, StoppedError):
                raise failure
        if failures and set(self.stopped) != {"not_recorded"}:
            raise UserError(self._why())
        self._check_refusals()
        return [result for result in results if not isinstance(result, BaseException)]

    def _why(self) -> str:
        reasons = ", ".join(f"{reason} ({count})" for reason, count in self.stopped.most_common())
        spent = self.client.spent
        return (
            f"not everything was answered: {reasons}. {spent.asked} new answers are kept, "
            f"{spent.reused} were there before; run the stage again, and it goes on from here"
            + "".join(f"\n  {reason}: {detail}" for reason, detail in self._details.items())
        )

    def _check_refusals(self) -> None:
        spent = self.client.spent
        if not (refused := spent.unanswered[_FINAL]):
            return
        first = f"{refused} requests were refused, the first with: {self._details[_FINAL]}"
        if not spent.asked + spent.reused:
            raise UserError(f"{first}. No other was answered")
        print(first, flush=True)


async def gathered(tasks: Sequence[Coroutine[Any, Any, Result]]) -> list[Result | BaseException]:
    """Results and exceptions of all, in order; an error that a person must mend ends the others at once."""
    running = [asyncio.ensure_future(task) for task in tasks]
    try:
        for done in asyncio.as_completed(running):
            try:
                await done
            except StoppedError:
                continue
    except BaseException:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        raise
    return await asyncio.gather(*running, return_exceptions=True)
