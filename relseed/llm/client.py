"""Asking through the cache, within a budget, with a count of what it takes."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol

from pydantic import Field, model_validator

from relseed.llm.cache import Cache
from relseed.llm.request import Completion, Request, UnansweredError
from relseed.pipeline.params import Section

_MILLION = 1_000_000
CHARACTERS_PER_TOKEN = 3


class Engine(Protocol):
    """Whatever turns a request into a completion."""

    name: str

    async def complete(self, request: Request) -> Completion:
        """Answer one request, or raise `UnansweredError`."""
        ...


class Budget(Section):
    """What a run may take, answers from the cache not counted, and what a token costs; None: no limit, no price."""

    tokens: int | None = Field(ge=0)  # prompt and answer together
    cost: float | None = Field(ge=0)  # in the currency of the prices
    prompt_price: float | None = Field(ge=0)  # per million tokens
    completion_price: float | None = Field(ge=0)  # per million tokens

    @model_validator(mode="after")
    def _limits_can_be_kept(self) -> "Budget":
        if self.cost is not None and self.price(0, 0) is None:
            raise ValueError("a budget in money needs both prices: set prompt_price and completion_price")
        return self

    def price(self, prompt_tokens: int, completion_tokens: int) -> float | None:
        """What so many tokens cost, None without prices."""
        if self.prompt_price is None or self.completion_price is None:
            return None
        return (prompt_tokens * self.prompt_price + completion_tokens * self.completion_price) / _MILLION


class BudgetSpentError(Exception):
    """The budget of tokens or money does not allow another request; what was answered is kept."""


@dataclass(slots=True)
class Spent:
    """What a run took so far."""

    asked: int = 0  # requests that an engine answered
    reused: int = 0  # requests that the cache answered
    prompt_tokens: int = 0
    completion_tokens: int = 0
    uncounted: int = 0  # answers whose tokens the engine did not count
    unanswered: Counter[str] = field(default_factory=Counter)  # by reason

    @property
    def tokens(self) -> int:
        """Tokens of prompts and answers together."""
        return self.prompt_tokens + self.completion_tokens

    def add(self, completion: Completion) -> None:
        """Count an answer that an engine gave."""
        self.asked += 1
        self.uncounted += not completion.counted
        self.prompt_tokens += completion.prompt_tokens or 0
        self.completion_tokens += completion.completion_tokens or 0


class Client:
    """The one way to an engine: what the cache knows is not asked for, and what is answered is cached first."""

    def __init__(self, engine: Engine, cache: Cache | None, budget: Budget) -> None:
        """Ask `engine`; an engine whose answers are files of their own needs no cache."""
        self.engine, self.cache, self.budget = engine, cache, budget
        self.spent = Spent()
        self._in_flight = 0
        self._returned = asyncio.Event()  # set when the next request returns, then replaced
        # What requests in flight may take at most, and what those took whose tokens were not counted.
        self._held_prompt = self._held_answers = 0

    async def ask(self, request: Request) -> Completion:
        """The answer to a request, on disk by the time it is returned.

        Raises:
            BudgetSpentError: It is not in the cache, and with it the budget might be exceeded.
            UnansweredError: The engine gave up on it.
        """
        if self.cache is not None and (known := self.cache.get(request)) is not None:
            self.spent.reused += 1
            return known
        async with self._reserved(request):
            try:
                completion = await self.engine.complete(request)
            except UnansweredError as error:
                self.spent.unanswered[error.reason] += 1
                raise
            if self.cache is not None:
                await _kept(asyncio.to_thread(self.cache.put, request, completion))
            self.spent.add(completion)
        if not completion.counted:
            self._hold(estimated_tokens(request), request.max_tokens)
        return completion

    def cost(self) -> float | None:
        """What the run cost so far; None where a price or a count is unknown."""
        if self.spent.uncounted:
            return None
        return self.budget.price(self.spent.prompt_tokens, self.spent.completion_tokens)

    @asynccontextmanager
    async def _reserved(self, request: Request) -> AsyncIterator[None]:
        """Hold the most that a request may take until its answer says what it took.

        Where that does not fit beside the requests in flight, it waits for them: most take less than they may.
        """
        prompt, answer = estimated_tokens(request), request.max_tokens
        while problem := self._exceeded(prompt, answer):
            if not self._in_flight:
                raise BudgetSpentError(problem)
            await self._returned.wait()
        self._in_flight += 1
        self._hold(prompt, answer)
        try:
            yield
        finally:
            self._in_flight -= 1
            self._hold(-prompt, -answer)
            self._returned.set()
            self._returned = asyncio.Event()

    def _hold(self, prompt_tokens: int, completion_tokens: int) -> None:
        self._held_prompt += prompt_tokens
        self._held_answers += completion_tokens

    def _exceeded(self, prompt_tokens: int, completion_tokens: int) -> str | None:
        """How so many more tokens might exceed the budget, None where they cannot."""
        prompt = self.spent.prompt_tokens + self._held_prompt + prompt_tokens
        answers = self.spent.completion_tokens + self._held_answers + completion_tokens
        if self.budget.tokens is not None and prompt + answers > self.budget.tokens:
            return f"{self.spent.tokens} of {self.budget.tokens} tokens are spent, the next request might exceed them"
        most = self.budget.price(prompt, answers)
        if self.budget.cost is not None and most is not None and most > self.budget.cost:
            return f"{self.cost() or 0:.4f} of {self.budget.cost:g} are spent, the next request might exceed them"
        return None


async def _kept(writing: Coroutine[None, None, None]) -> None:
    """Write to the end even if whoever asked is stopped: the answer was paid for."""
    task = asyncio.ensure_future(writing)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise


def estimated_tokens(request: Request) -> int:
    """Roughly how many tokens a prompt has: a token per three characters, on the safe side for English."""
    return sum(len(message.content) for message in request.messages) // CHARACTERS_PER_TOKEN + 1
