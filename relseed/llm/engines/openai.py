"""Any endpoint that speaks the OpenAI protocol: many requests at once, retries with an end.

A rate limit is no fault of a request, and only time ends it: a `Retry-After` halts all requests until it is over,
without one the request pauses alone, longer each time. A fault (5xx, time-out, cut connection, a malformed response)
is tried again a few times, for the request it struck alone.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
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

from relseed.llm.engines.engine import Setup
from relseed.llm.engines.statuses import FATAL_HINTS, KEY, NON_RETRYABLE
from relseed.llm.request import MALFORMED, Request, RequestFailedError, Response
from relseed.pipeline.errors import UserError
from relseed.pipeline.params import Section

_MAX_BACKOFF = 60.0  # seconds between two tries, where the server names none

_NO_QUOTA = "insufficient_quota"  # a 429 that no waiting ends


class Limits(Section):
    """How many requests an endpoint gets at once, and when to give up."""

    concurrency: PositiveInt  # requests in flight
    timeout: float = Field(gt=0)  # seconds for one try
    attempts: PositiveInt  # tries of one request against faults
    rate_limit_timeout: float = Field(ge=0)  # seconds to wait for rate limits to end, for one request
    backoff: float = Field(gt=0)  # seconds of the first pause after a fault or rate limit; later ones grow


class Openai(Section):
    """An endpoint that speaks the OpenAI protocol; its key comes from the environment."""

    url: str  # with its /v1


@asynccontextmanager
async def opened(setup: Setup) -> AsyncIterator["Endpoint"]:
    """The endpoint that `engines.openai.url` names."""
    endpoint = Endpoint("openai", setup.params.section("engines.openai", Openai).url, limits_of(setup))
    try:
        yield endpoint
    finally:
        await endpoint.close()


def limits_of(setup: Setup) -> Limits:
    """The limits of every endpoint."""
    return setup.params.section("engines.limits", Limits)


class MalformedResponseError(Exception):
    """A response of status 200 that is no chat completion, or holds no choice."""


class Endpoint:
    """Responses from one base URL; the key comes from the environment alone."""

    is_record = False

    def __init__(self, name: str, url: str, limits: Limits) -> None:
        """`name` is that of the engine: openai, or vllm where we serve it ourselves, with no proxy in between."""
        self.name, self.url, self.limits = name, url, limits
        self.waits = {"rate_limit": 0, "fault": 0}  # pauses so far, by what they were for
        self._slots = asyncio.Semaphore(limits.concurrency)
        self._growing = wait_random_exponential(multiplier=limits.backoff, max=_MAX_BACKOFF)
        self._open_at = 0.0  # by the monotonic clock: when a rate limit that holds for all is over
        self._client = AsyncOpenAI(
            base_url=url,
            # Local servers ask for none, but the client insists on one.
            api_key=os.environ.get(KEY) or "none",
            max_retries=0,
            timeout=limits.timeout,
            http_client=DefaultAsyncHttpxClient(trust_env=name != "vllm"),
        )

    async def complete(self, request: Request) -> Response:
        """Send until there is a response.

        Raises:
            RequestFailedError: The endpoint refused this request, or stayed at fault or busy for too long.
            UserError: The endpoint would refuse every request: wrong key, unknown model.
        """
        async with self._slots:
            try:
                return await self._retry_rate_limited()(self._retry_transient(), self._send, request)
            except APIStatusError as error:
                if hint := _fatal_hint(error):
                    raise UserError(f"{self.url} refuses ({error.status_code}): {hint}") from None
                if isinstance(error, RateLimitError):
                    busy = f"still busy after {self.limits.rate_limit_timeout:g} s ({error})"
                    raise RequestFailedError("rate_limited", busy) from error
                reason = "refused" if error.status_code in NON_RETRYABLE else "server_fault"
                raise RequestFailedError(reason, str(error)) from error
            except (APITimeoutError, TimeoutError) as error:
                raise RequestFailedError("timeout", f"no response within {self.limits.timeout:g} s") from error
            except (MalformedResponseError, APIResponseValidationError) as error:
                raise RequestFailedError("malformed", str(error)) from error
            except APIConnectionError as error:
                raise RequestFailedError("connection", f"{self.url}: {error.__cause__ or error}") from error

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _send(self, request: Request) -> Response:
        while (pause := self._open_at - time.monotonic()) > 0:
            await asyncio.sleep(pause)
        start = time.monotonic()
        try:
            # The client's own timeout is that of one read: an endpoint that trickles would never meet it.
            async with asyncio.timeout(self.limits.timeout):
                body = request.body()
                # What only vLLM knows is no argument of the client.
                held = body.pop("structured_outputs", None)
                extra = {"structured_outputs": held} if held else None
                response = await self._client.chat.completions.create(**body, extra_body=extra)
            if not response.choices:
                raise MalformedResponseError("the response has no choices")
            seconds = round(time.monotonic() - start, 3)
            return Response.of(response, engine=self.name, model=request.model, seconds=seconds)
        except MALFORMED as error:
            raise MalformedResponseError(
                f"the response is no chat completion ({type(error).__name__}: {error})"
            ) from error

    def _retry_transient(self) -> AsyncRetrying:
        return AsyncRetrying(
            retry=retry_if_exception(_is_transient),
            stop=stop_after_attempt(self.limits.attempts),
            wait=self._growing,
            before_sleep=lambda _: self._count("fault"),
            reraise=True,
        )

    def _retry_rate_limited(self) -> AsyncRetrying:
        return AsyncRetrying(
            retry=retry_if_exception(lambda error: isinstance(error, RateLimitError) and not _fatal_hint(error)),
            stop=stop_before_delay(self.limits.rate_limit_timeout),
            wait=self._retry_wait,
            before_sleep=lambda _: self._count("rate_limit"),
            reraise=True,
        )

    def _retry_wait(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked_for = (
            retry_after(error.response.headers.get("retry-after")) if isinstance(error, RateLimitError) else None
        )
        if asked_for is None:
            return self._growing(state)
        # A pause of zero, or until a moment that is over, would have us ask without a break.
        asked_for = max(asked_for, self._growing(state))
        if asked_for <= self.limits.rate_limit_timeout:  # else this request gives up, and others go on
            self._open_at = max(self._open_at, time.monotonic() + asked_for)
        return asked_for

    def _count(self, what: str) -> None:
        self.waits[what] += 1


def _fatal_hint(error: APIStatusError) -> str | None:
    """What a person can do, where every request would meet this error."""
    return FATAL_HINTS[402] if error.code == _NO_QUOTA else FATAL_HINTS.get(error.status_code)


def _is_transient(error: BaseException) -> bool:
    """Whether the same request may be answered if it is sent again soon."""
    if isinstance(error, APIStatusError):
        return not (isinstance(error, RateLimitError) or error.status_code in NON_RETRYABLE or _fatal_hint(error))
    return isinstance(error, APIConnectionError | APIResponseValidationError | MalformedResponseError | TimeoutError)


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
