"""Requests through the cache, within a budget, with a count of what they take."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import Field

from relseed.llm.cache import Cache
from relseed.llm.engines.engine import Engine, Setup
from relseed.llm.llm import LLM
from relseed.llm.prices import Prices
from relseed.llm.request import Request, RequestFailedError, Response
from relseed.pipeline.errors import UserError
from relseed.pipeline.named import load
from relseed.pipeline.outputs import scratch
from relseed.pipeline.params import Params, Section

CHARACTERS_PER_TOKEN = 3


class Budget(Section):
    """What one execution of a stage may take, responses from the cache not counted; None: no limit."""

    tokens: int | None = Field(ge=0)  # prompts and responses together
    cost: float | None = Field(ge=0)  # in the currency of the prices


_POLL = 0.1  # seconds between two looks at what another process asks


class BudgetSpentError(Exception):
    """The budget of tokens or money does not allow another request; what was answered is kept."""


@dataclass(slots=True)
class Usage:
    """What a run took so far."""

    asked: int = 0  # requests that an engine answered
    reused: int = 0  # requests that the cache answered
    prompt_tokens: int = 0
    completion_tokens: int = 0
    uncounted: int = 0  # responses whose tokens the engine did not count
    failed: Counter[str] = field(default_factory=Counter)  # by reason

    @property
    def tokens(self) -> int:
        """Tokens of prompts and responses together."""
        return self.prompt_tokens + self.completion_tokens

    def add(self, response: Response) -> None:
        """Count a response that an engine gave."""
        self.asked += 1
        self.uncounted += not response.counted
        self.prompt_tokens += response.prompt_tokens or 0
        self.completion_tokens += response.completion_tokens or 0


class Client:
    """The one way to an engine: what the cache knows is not sent, and what is answered is cached first."""

    def __init__(self, engine: Engine, cache: Cache | None, budget: Budget, prices: Prices) -> None:
        """Send to `engine`; an engine whose responses are files of their own needs no cache.

        Raises:
            UserError: A budget in money lacks a price.
        """
        if budget.cost is not None and prices.cost(0, 0) is None:
            raise UserError("budget.cost needs prices: set `prices` of the LLM in params.yaml, or budget.cost to null")
        self.engine, self.cache, self.budget, self.prices = engine, cache, budget, prices
        self.usage = Usage()
        self._in_flight = self._elsewhere = 0  # requests that are asked by us, and by other processes
        self._stopped = False
        self._returned = asyncio.Event()  # set when the next request returns, then replaced
        # What requests in flight may take at most, and what those took whose tokens were not counted.
        self._held_prompt = self._held_response = 0

    async def send(self, request: Request) -> Response:
        """The response to a request, on disk by the time it is returned; what another process asks is waited for.

        Raises:
            BudgetSpentError: It is not in the cache, and with it the budget might be exceeded.
            RequestFailedError: The engine gave up on it, or nothing is asked any more.
        """
        if self.cache is None:
            return await self._ask(request)
        if (known := self._known(self.cache, request)) is not None:
            return known
        async with self._turn(self.cache, request):
            known = self._known(self.cache, request)
            return await self._ask(request) if known is None else known

    def stop(self) -> None:
        """Ask nothing more; what is in flight comes in and is kept."""
        self._stopped = True
        self.engine.halt()

    def waiting(self) -> str | None:
        """What keeps responses from coming, in words; None while they come."""
        other = f"{self._elsewhere} requests are asked by another process" if self._elsewhere else None
        return "; ".join(filter(None, (self.engine.waiting(), other))) or None

    async def _ask(self, request: Request) -> Response:
        async with self._reserved(request):
            self._check_going()
            try:
                response = await self.engine.complete(request)
                kept = await self._kept(request, response)
            except RequestFailedError as error:
                self.usage.failed[error.reason] += 1
                raise
            except Exception:  # the others that are in flight would meet it, too, but will be billed
                self.stop()
                raise
            self.usage.add(response)
        if not response.counted:
            self._hold(estimated_tokens(request), request.max_tokens)
        return kept

    def _known(self, cache: Cache, request: Request) -> Response | None:
        known = cache.get(request)
        self.usage.reused += known is not None
        return known

    async def _kept(self, request: Request, response: Response) -> Response:
        """The response that the cache keeps: that of a process that was quicker, if there is one."""
        if self.cache is None:
            return response
        return await _finish(asyncio.to_thread(self.cache.put, request, response))

    @asynccontextmanager
    async def _turn(self, cache: Cache, request: Request) -> AsyncIterator[None]:
        """Hold a request, so that no other process asks it meanwhile."""
        if not cache.reserve(request):
            self._elsewhere += 1
            try:
                while not cache.reserve(request):
                    self._check_going()
                    await asyncio.sleep(_POLL)
            finally:
                self._elsewhere -= 1
        try:
            yield
        finally:
            cache.release(request)

    def _check_going(self) -> None:
        if self._stopped:
            raise RequestFailedError("stopped", "nothing is asked any more")

    def cost(self) -> float | None:
        """What the run cost so far; None where a price or a count is unknown."""
        if self.usage.uncounted:
            return None
        return self.prices.cost(self.usage.prompt_tokens, self.usage.completion_tokens)

    @asynccontextmanager
    async def _reserved(self, request: Request) -> AsyncIterator[None]:
        """Hold the most that a request may take until its response says what it took.

        Where that does not fit beside the requests in flight, it waits for them: most take less than they may.
        """
        prompt, response = estimated_tokens(request), request.max_tokens
        while problem := self._exceeded(prompt, response):
            if not self._in_flight:
                raise BudgetSpentError(problem)
            await self._returned.wait()
        self._in_flight += 1
        self._hold(prompt, response)
        try:
            yield
        finally:
            self._in_flight -= 1
            self._hold(-prompt, -response)
            self._returned.set()
            self._returned = asyncio.Event()

    def _hold(self, prompt_tokens: int, response_tokens: int) -> None:
        self._held_prompt += prompt_tokens
        self._held_response += response_tokens

    def _exceeded(self, prompt_tokens: int, response_tokens: int) -> str | None:
        """How so many more tokens might exceed the budget, None where they cannot."""
        prompt = self.usage.prompt_tokens + self._held_prompt + prompt_tokens
        responses = self.usage.completion_tokens + self._held_response + response_tokens
        if self.budget.tokens is not None and prompt + responses > self.budget.tokens:
            return f"{self.usage.tokens} of {self.budget.tokens} tokens are spent, the next request might exceed them"
        most = self.prices.cost(prompt, responses)
        if self.budget.cost is not None and most is not None and most > self.budget.cost:
            return f"{self.cost() or 0:.4f} of {self.budget.cost:g} are spent, the next request might exceed them"
        return None


@asynccontextmanager
async def open_client(llm: LLM, title: str, reads: Path, params: Params) -> AsyncIterator[Client]:
    """The way to an LLM; `title` names what is asked for in the files of engines, `reads` is where responses come from.

    Raises:
        UserError: The engine is unknown or cannot start; or, at the end, the recorded responses lack some.
    """
    budget = params.section("budget", Budget)
    engine = load("relseed.llm.engines", llm.engine, "engine")
    setup = Setup(llm.model, llm.revision, llm.adapter, llm.adapter_folders, title, reads, params)
    async with AsyncExitStack() as stack:
        opened = await stack.enter_async_context(engine.opened(setup))
        if opened.is_record:  # nothing is paid for, and an edited file must count
            yield Client(opened, None, Budget(tokens=None, cost=None), llm.prices)
        else:
            cache = stack.enter_context(closing(Cache(scratch() / "requests.db")))
            yield Client(opened, cache, budget, llm.prices)


async def _finish(writing: Coroutine[None, None, Response]) -> Response:
    """Write to the end even if whoever waits is stopped: the response was paid for."""
    task = asyncio.ensure_future(writing)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise


def estimated_tokens(request: Request) -> int:
    """Roughly how many tokens a prompt has: a token per three characters, on the safe side for English."""
    return sum(len(message.content) for message in request.messages) // CHARACTERS_PER_TOKEN + 1
