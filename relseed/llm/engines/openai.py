"""Any endpoint that speaks the OpenAI protocol: many requests at once, patience with an end.

A rate limit is no fault of a request, and only time ends it: a `Retry-After` halts all requests until it is over,
without one the request pauses alone, longer each time. A fault (5xx, time-out, cut connection, an answer that is none)
is tried again a few times, for the request it struck alone.
"""

import asyncio
import os
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from openai import (
    APIConnectionError,
    APIResponseValidationError,
    APIStatusError,
    APITimeoutError,
    AsyncOpenAI,
    DefaultAsyncHttpxClient,
    RateLimitError,
)
from pydantic import Field, PositiveInt
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception,
    stop_after_attempt,
    stop_before_delay,
    wait_random_exponential,
)

from relseed.llm.request import Completion, Request, UnansweredError
from relseed.llm.statuses import CURES, FINAL, KEY
from relseed.pipeline.errors import UserError
from relseed.pipeline.params import Section

# What reading a body raises that is none of a chat completion; pydantic's and JSON's errors are ValueErrors.
_MALFORMED = (AttributeError, TypeError, LookupError, ValueError, RecursionError)
_LONGEST_PAUSE = 60.0  # seconds between two tries, where the server names none

_NO_QUOTA = "insufficient_quota"  # a 429 that no waiting ends


class Limits(Section):
    """How hard to press an endpoint, and when to give up."""

    concurrency: PositiveInt  # requests in flight
    timeout: float = Field(gt=0)  # seconds for one try
    attempts: PositiveInt  # tries of one request against faults
    patience: float = Field(ge=0)  # seconds to wait for rate limits to end, for one request
    pause: float = Field(gt=0)  # seconds of the first pause after a fault or rate limit; later ones grow


class Openai(Section):
    """An endpoint that speaks the OpenAI protocol; its key comes from the environment."""

    url: str  # with its /v1


class NoAnswerError(Exception):
    """A response of status 200 that is no chat completion, or holds no choice."""


class Endpoint:
    """Completions from one base URL; the key comes from the environment alone."""

    def __init__(self, name: str, url: str, limits: Limits) -> None:
        """`name` is that of the engine: openai, or vllm where we serve it ourselves, with no proxy in between."""
        self.name, self.url, self.limits = name, url, limits
        self.waits = {"rate_limit": 0, "fault": 0}  # pauses so far, by what they were for
        self._slots = asyncio.Semaphore(limits.concurrency)
        self._growing = wait_random_exponential(multiplier=limits.pause, max=_LONGEST_PAUSE)
        self._open_at = 0.0  # by the monotonic clock: when a rate limit that holds for all is over
        self._client = AsyncOpenAI(
            base_url=url,
            # Local servers ask for none, but the client insists on one.
            api_key=os.environ.get(KEY) or "none",
            max_retries=0,
            timeout=limits.timeout,
            http_client=DefaultAsyncHttpxClient(trust_env=name != "vllm"),
        )

    async def complete(self, request: Request) -> Completion:
        """Ask until there is an answer.

        Raises:
            UnansweredError: The endpoint refused this request, or stayed at fault or busy for too long.
            UserError: The endpoint would refuse every request: wrong key, unknown model.
        """
        async with self._slots:
            try:
                return await self._while_limited()(self._despite_faults(), self._ask, request)
            except APIStatusError as error:
                if cure := _cure(error):
                    raise UserError(f"{self.url} refuses ({error.status_code}): {cure}") from None
                if isinstance(error, RateLimitError):
                    busy = f"still busy after {self.limits.patience:g} s ({error})"
                    raise UnansweredError("rate_limited", busy) from error
                reason = "refused" if error.status_code in FINAL else "server_fault"
                raise UnansweredError(reason, str(error)) from error
            except (APITimeoutError, TimeoutError) as error:
                raise UnansweredError("timeout", f"no answer within {self.limits.timeout:g} s") from error
            except (NoAnswerError, APIResponseValidationError) as error:
                raise UnansweredError("malformed", str(error)) from error
            except APIConnectionError as error:
                raise UnansweredError("connection", f"{self.url}: {error.__cause__ or error}") from error

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _ask(self, request: Request) -> Completion:
        while (pause := self._open_at - time.monotonic()) > 0:
            await asyncio.sleep(pause)
        start = time.monotonic()
        try:
            # The client's own timeout is that of one read: an endpoint that trickles would never meet it.
            async with asyncio.timeout(self.limits.timeout):
                response = await self._client.chat.completions.create(**request.body())
            if not response.choices:
                raise NoAnswerError("the response has no choices")
            seconds = round(time.monotonic() - start, 3)
            return Completion.of(response, engine=self.name, model=request.model, seconds=seconds)
        except _MALFORMED as error:
            raise NoAnswerError(f"the response is no chat completion ({type(error).__name__}: {error})") from error

    def _despite_faults(self) -> AsyncRetrying:
        return AsyncRetrying(
            retry=retry_if_exception(_is_fault),
            stop=stop_after_attempt(self.limits.attempts),
            wait=self._growing,
            before_sleep=lambda _: self._count("fault"),
            reraise=True,
        )

    def _while_limited(self) -> AsyncRetrying:
        return AsyncRetrying(
            retry=retry_if_exception(lambda error: isinstance(error, RateLimitError) and not _cure(error)),
            stop=stop_before_delay(self.limits.patience),
            wait=self._until_open,
            before_sleep=lambda _: self._count("rate_limit"),
            reraise=True,
        )

    def _until_open(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked_for = (
            retry_after(error.response.headers.get("retry-after")) if isinstance(error, RateLimitError) else None
        )
        if asked_for is None:
            return self._growing(state)
        # A pause of zero, or until a moment that is over, would have us ask without a break.
        asked_for = max(asked_for, self._growing(state))
        if asked_for <= self.limits.patience:  # else this request gives up, and the others need not wait for nothing
            self._open_at = max(self._open_at, time.monotonic() + asked_for)
        return asked_for

    def _count(self, what: str) -> None:
        self.waits[what] += 1


def _cure(error: APIStatusError) -> str | None:
    """What a person can do, where every request would meet this error."""
    return CURES[402] if error.code == _NO_QUOTA else CURES.get(error.status_code)


def _is_fault(error: BaseException) -> bool:
    """Whether the same request may be answered if it is sent again soon."""
    if isinstance(error, APIStatusError):
        return not (isinstance(error, RateLimitError) or error.status_code in FINAL or _cure(error))
    return isinstance(error, APIConnectionError | APIResponseValidationError | NoAnswerError | TimeoutError)


def retry_after(header: str | None) -> float | None:
    """Seconds that a `Retry-After` header asks for, given as seconds or as a date; None if it says nothing usable."""
    if header is None:
        return None
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(header) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return None
