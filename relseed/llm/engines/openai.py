"""Any endpoint that speaks the OpenAI protocol: many requests at once, retries with an end.

A rate limit is no fault of a request, and only time ends it: a `Retry-After` halts all requests until it is over,
without one the request pauses alone, longer each time. A fault (5xx, time-out, cut connection, a malformed response)
is tried again a few times, for the request it struck alone.
"""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from openai import (
    APIConnectionError,
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

from relseed.llm.engines.completions import EngineError, error_text, read_completion
from relseed.llm.engines.engine import Setup
from relseed.llm.engines.statuses import FATAL_HINTS, KEY, NON_RETRYABLE, way_on
from relseed.llm.engines.strict import strict_body
from relseed.llm.request import Request, RequestFailedError, Response
from relseed.pipeline.errors import UserError
from relseed.pipeline.params import Section

_MAX_BACKOFF = 60.0  # seconds between two tries, where the server names none

_BUSY = 429
_NO_QUOTA = "insufficient_quota"  # a 429 that no waiting ends
_SHOWN = 500  # characters of a body in no form that is known


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
            except (APIStatusError, EngineError) as error:
                raise self._given_up(error) from error
            except (APITimeoutError, TimeoutError) as error:
                raise RequestFailedError("timeout", f"no response within {self.limits.timeout:g} s") from error
            except MalformedResponseError as error:
                raise RequestFailedError("malformed", str(error)) from error
            except APIConnectionError as error:
                raise RequestFailedError("connection", f"{self.url}: {error.__cause__ or error}") from error

    def _given_up(self, error: APIStatusError | EngineError) -> UserError | RequestFailedError:
        """What an error that was tried often enough, or not again, means for its request, or for all."""
        said = _said(error)
        if hint := _fatal_hint(error):
            return UserError(f"{self.url} refuses ({_status(error)}): {hint}")
        if _status(error) == _BUSY:
            busy = f"still busy after {self.limits.rate_limit_timeout:g} s ({said})"
            return RequestFailedError("rate_limited", busy)
        if _status(error) in NON_RETRYABLE:
            return RequestFailedError("refused", said + way_on(said))
        return RequestFailedError("server_fault" if isinstance(error, APIStatusError) else "no_answer", said)

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
                body = request.body() if self.name == "vllm" else strict_body(request)
                # What only vLLM knows is no argument of the client.
                held = body.pop("structured_outputs", None)
                extra = {"structured_outputs": held} if held else None
                raw = await self._client.chat.completions.with_raw_response.create(**body, extra_body=extra)
            seconds = round(time.monotonic() - start, 3)
            answered = json.loads(raw.content)
            return read_completion(answered, engine=self.name, model=request.model, seconds=seconds)
        except (ValueError, RecursionError) as error:
            raise MalformedResponseError(f"the response is no chat completion ({error})") from error

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
            retry=retry_if_exception(_is_busy),
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


def _status(error: APIStatusError | EngineError) -> int:
    return error.status_code if isinstance(error, APIStatusError) else error.status


def _said(error: APIStatusError | EngineError) -> str:
    """What an endpoint says of an error; all of the body where that is in no form that is known."""
    if not isinstance(error, APIStatusError):
        return str(error)
    said = error_text(error.body if isinstance(error.body, dict) else {}) or error_text({"error": error.body})
    return f"status {error.status_code}: {said or error.response.text[:_SHOWN] or error.message}"


def _fatal_hint(error: APIStatusError | EngineError) -> str | None:
    """What a person can do, where every request would meet this error."""
    no_quota = isinstance(error, APIStatusError) and error.code == _NO_QUOTA
    return FATAL_HINTS[402] if no_quota else FATAL_HINTS.get(_status(error))


def _is_busy(error: BaseException) -> bool:
    """Whether it is a rate limit, which time ends."""
    return isinstance(error, APIStatusError | EngineError) and _status(error) == _BUSY and not _fatal_hint(error)


def _is_transient(error: BaseException) -> bool:
    """Whether the same request may be answered if it is sent again soon."""
    if isinstance(error, APIStatusError | EngineError):
        return not (_status(error) == _BUSY or _status(error) in NON_RETRYABLE or _fatal_hint(error))
    return isinstance(error, APIConnectionError | MalformedResponseError | TimeoutError)


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
