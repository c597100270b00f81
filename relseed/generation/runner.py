"""Sending many requests at once: what they will take, how far they are, what stopped them."""

import asyncio
import time
from collections import Counter
from collections.abc import Coroutine, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from relseed.generation.exchanges import Exchange
from relseed.llm.client import BudgetSpentError, Client, estimated_tokens
from relseed.llm.prices import Prices
from relseed.llm.request import Request, RequestFailedError, Response
from relseed.pipeline.errors import UserError
from relseed.pipeline.progress import bar
from relseed.records.candidates import Candidate

Result = TypeVar("Result")


class Parser(Protocol):
    """Reads a response into candidates."""

    def __call__(self, id: str, text: str, *, truncated: bool) -> Sequence[Candidate]: ...  # noqa: D102


_REFUSED = "refused"  # the one reason that sending again would not change
_SECONDS_UNTIL_TOLD = 10


@dataclass(frozen=True, slots=True)
class CostEstimate:
    """What requests will take if nothing is rejected."""

    requests: int
    prompt_tokens: int
    completion_tokens: int  # at most

    @classmethod
    def of(cls, requests: Iterable[Request]) -> "CostEstimate":
        """What these requests take."""
        every = list(requests)
        return cls(len(every), sum(map(estimated_tokens, every)), sum(request.max_tokens for request in every))

    def __add__(self, other: "CostEstimate") -> "CostEstimate":
        """What the requests of both take."""
        return CostEstimate(
            self.requests + other.requests,
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
        )

    def describe(self, engine: str, prices: Prices) -> str:
        """The estimate in one line."""
        price = prices.cost(self.prompt_tokens, self.completion_tokens)
        cost = "no prices are set" if price is None else f"a cost of about {price:.2f}"
        return (
            f"{self.requests:,} requests to the engine {engine!r}: prompts of about {self.prompt_tokens:,} tokens, "
            f"responses of at most {self.completion_tokens:,}, {cost}, if nothing is rejected"
        )


def _candidates(id: str, response: Response, parse: Parser) -> Sequence[Candidate]:
    """What a response holds; of a refusal one candidate, with the model's words."""
    if response.refusal is None:
        return parse(id, response.text, truncated=response.truncated)
    refused = {"truncated": False, "refused": True, "problem": response.refusal}
    return [candidate.model_copy(update=refused) for candidate in parse(id, response.text, truncated=True)[:1]]


class StoppedError(Exception):
    """What is asked next depends on a response that did not come."""


class RequestRunner:
    """One stage's requests: each response is read, counted and shown."""

    def __init__(self, client: Client, title: str, wanted: int) -> None:
        """Show progress towards `wanted` accepted things under `title`."""
        self.client = client
        self.stopped: Counter[str] = Counter()
        self._details: dict[str, str] = {}  # the first message of each reason
        self._cut_off = self._in_thoughts = 0  # responses
        self._bar = bar(desc=title, unit="accepted", total=wanted)
        self._start = time.monotonic()

    async def send(self, id: str, request: Request, parse: Parser) -> Exchange:
        """Send a request, and read its response into candidates.

        Raises:
            StoppedError: There is no response now, and there may be one later.
        """
        try:
            response = await self.client.send(request)
        except BudgetSpentError as error:
            self.stopped[f"budget: {error}"] += 1
            raise StoppedError from error
        except RequestFailedError as error:
            self._details.setdefault(error.reason, str(error))
            if error.reason == _REFUSED:
                return Exchange(id=id, request=request, response=None, refusal=str(error))
            self.stopped[error.reason] += 1
            raise StoppedError from error
        self._cut_off += response.truncated
        self._in_thoughts += response.truncated and bool(response.thoughts) and not response.text
        candidates = tuple(_candidates(id, response, parse))
        return Exchange(id=id, request=request, response=response, candidates=candidates).without_seconds()

    def count_accepted(self, count: int) -> None:
        """Move the bar."""
        usage, seconds = self.client.usage, time.monotonic() - self._start
        cost = self.client.cost()
        rate = f"{usage.tokens / seconds:.0f} tokens/s" if seconds else ""
        self._bar.set_postfix_str(rate if cost is None else f"{rate}, cost {cost:.4f}", refresh=False)
        self._bar.update(count)

    async def run(self, tasks: Sequence[Coroutine[Any, Any, Result]]) -> list[Result]:
        """Run all to their end, and return what they return, in order.

        Raises:
            UserError: Some were stopped (the others ran to their end, and every response is kept), or all were refused.
        """
        telling = asyncio.create_task(self._tell())
        try:
            results = await gather(tasks, self.client)
        finally:
            telling.cancel()
            self._bar.close()
        failures = [result for result in results if isinstance(result, BaseException)]
        for failure in failures:
            if not isinstance(failure, StoppedError):
                raise failure
        if failures and set(self.stopped) != {"not_recorded"}:
            raise UserError(self._describe_stop())
        self._check_refusals()
        if self._cut_off:
            print(self._describe_cut_off(), flush=True)
        return [result for result in results if not isinstance(result, BaseException)]

    async def _tell(self) -> None:
        """Say on the bar what is waited for, as long as nothing comes."""
        while True:
            await asyncio.sleep(_SECONDS_UNTIL_TOLD)
            if waiting := self.client.waiting():
                self._bar.set_postfix_str(waiting)

    def _describe_stop(self) -> str:
        reasons = ", ".join(f"{reason} ({count})" for reason, count in self.stopped.most_common())
        usage = self.client.usage
        return (
            f"not every request was answered: {reasons}. {usage.asked} new responses are kept, "
            f"{usage.reused} were there before. Run the stage again: it resumes from here"
            + "".join(f"\n  {reason}: {detail}" for reason, detail in self._details.items())
        )

    def _describe_cut_off(self) -> str:
        usage = self.client.usage
        among = f", {self._in_thoughts} of them in their thoughts" if self._in_thoughts else ""
        return (
            f"note: {self._cut_off} of {usage.asked + usage.reused} responses were cut off{among}: raise max_tokens or "
            "max_tokens_per_... of what asks in params.yaml, or ask for less in a request"
        )

    def _check_refusals(self) -> None:
        usage = self.client.usage
        if not (refused := usage.failed[_REFUSED]):
            return
        first = f"{refused} requests were refused, the first with: {self._details[_REFUSED]}"
        if not usage.asked + usage.reused:
            raise UserError(f"{first}. No other was answered")
        print(first, flush=True)


async def gather(tasks: Sequence[Coroutine[Any, Any, Result]], client: Client) -> list[Result | BaseException]:
    """Results and exceptions of all, in order.

    After an error that a person must mend, or an interrupt, nothing more is asked; what is in flight is billed, and
    comes in.
    """
    running = [asyncio.ensure_future(task) for task in tasks]
    try:
        for done in asyncio.as_completed(running):
            try:
                await done
            except StoppedError:
                continue
            except Exception:
                client.stop()
    except BaseException:
        client.stop()
        await asyncio.gather(*running, return_exceptions=True)
        raise
    return await asyncio.gather(*running, return_exceptions=True)
