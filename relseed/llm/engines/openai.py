"""Any endpoint that speaks the OpenAI protocol: many requests at once, retries with an end.

A rate limit is no fault of a request, and only time ends it: a `Retry-After` halts all requests until it is over,
without one the request pauses alone, longer each time. A fault (5xx, time-out, cut connection, a malformed response)
is tried again a few times, for the request it struck alone; while an endpoint that is down answers nothing at all, the
tries go on for `outage`. When a request gives up and nothing at all was answered since it began, all others do.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

from openai import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    AsyncOpenAI,
    DefaultAsyncHttpxClient,
    RateLimitError,
)
from pydantic import Field, PositiveInt, field_validator
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_before_delay, wait_random_exponential

from relseed.llm.engines.completions import read_completion
from relseed.llm.engines.engine import Engine, Setup
from relseed.llm.engines.faults import (
    BUSY,
    OURS,
    MalformedResponseError,
    hint_of,
    is_busy,
    is_down,
    is_transient,
    said_of,
    status_of,
)
from relseed.llm.engines.files import need_open_files
from relseed.llm.engines.key import key_of_environment
from relseed.llm.engines.statuses import NON_RETRYABLE, retry_after, way_on
from relseed.llm.engines.strict import strict_body
from relseed.llm.request import Request, RequestFailedError, Response
from relseed.pipeline.errors import UserError, printable
from relseed.pipeline.params import Section
from relseed.pipeline.secrets import conceal

_MAX_BACKOFF = 60.0  # seconds between two tries, where the server names none
_MOST_SAID = 2000  # characters of an error that are repeated
_SILENT = 10.0  # seconds without a response after which it is said what is being waited for


class Limits(Section):
    """How many requests an endpoint gets at once, and when to give up."""

    concurrency: PositiveInt  # requests in flight
    timeout: float = Field(gt=0)  # seconds for one try
    attempts: PositiveInt  # tries of one request against faults
    outage: float = Field(ge=0)  # seconds that an endpoint which is down is tried again, however many tries that takes
    rate_limit_timeout: float = Field(ge=0)  # seconds to wait for rate limits to end, for one request
    backoff: float = Field(gt=0)  # seconds of the first pause after a fault or rate limit; later ones grow


class Openai(Section):
    """An endpoint that speaks the OpenAI protocol; its key comes from the environment."""

    url: str  # with its /v1

    @field_validator("url")
    @classmethod
    def _is_address(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("an address begins with http:// or https:// and a name, as http://localhost:8000/v1 does")
        return url


@asynccontextmanager
async def opened(setup: Setup) -> AsyncIterator["Endpoint"]:
    """The endpoint that `engines.openai.url` names.

    Raises:
        UserError: The key cannot be sent, or this process may not open a connection for each request in flight.
    """
    limits = limits_of(setup)
    need_open_files(limits.concurrency)
    endpoint = Endpoint("openai", setup.params.section("engines.openai", Openai).url, limits)
    try:
        yield endpoint
    finally:
        await endpoint.close()


def limits_of(setup: Setup) -> Limits:
    """The limits of every endpoint."""
    return setup.params.section("engines.limits", Limits)


class Endpoint(Engine):
    """Responses from one base URL; the key comes from the environment alone."""

    is_record = False

    def __init__(self, name: str, url: str, limits: Limits) -> None:
        """`name` is that of the engine: openai, or vllm where we serve it ourselves, with no proxy in between.

        Raises:
            UserError: The key cannot be sent.
        """
        conceal(url)
        self.name, self.url, self.limits = name, url, limits
        self.waits = {"rate_limit": 0, "fault": 0}  # pauses so far, by what they were for
        self._slots = asyncio.Semaphore(limits.concurrency)
        self._growing = wait_random_exponential(multiplier=limits.backoff, max=_MAX_BACKOFF)
        self._open_at = 0.0  # by the monotonic clock: when a rate limit that holds for all is over
        self._answered_at = time.monotonic()  # when anything was answered last
        self._asked, self._asked_since = 0, 0.0  # requests that want a response, and since when there are any
        self._trouble = ""  # what the last pause was for
        self._in_flight = 0  # of them, those that are being sent or answered
        self._halted = asyncio.Event()
        self._why_halted = ("stopped", "it was not sent")
        self._client = AsyncOpenAI(
            base_url=url,
            # Local servers ask for none, but the client insists on one.
            api_key=key_of_environment() or "none",
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
        async with self._slot() as began:
            try:
                return await self._retry_rate_limited()(self._retry_transient(), self._send, request)
            except (APIStatusError, APIConnectionError, *OURS) as error:
                if hint := hint_of(error):
                    raise UserError(f"{self.url} refuses ({status_of(error)}): {hint}") from None
                raise self._given_up(error, began) from error

    def halt(self) -> None:
        """Send nothing more; what is in flight comes in."""
        self._halted.set()

    def waiting(self) -> str | None:
        """What keeps responses from coming, in words; None while they come."""
        if (silence := self._silence) < _SILENT:
            return None
        said = f"nothing answered for {silence:.0f} s, {self._in_flight} requests in flight"
        if pauses := sum(self.waits.values()):
            said += f", {pauses} pauses so far ({self.waits['rate_limit']} for rate limits), the last: {self._trouble}"
        return said

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    @property
    def _silence(self) -> float:
        """Seconds for which nothing was answered although something was asked."""
        return time.monotonic() - max(self._answered_at, self._asked_since) if self._asked else 0.0

    def _is_silent(self, began: float) -> bool:
        """Whether nothing that was asked beside a request, which gives up, was answered or may still be in time."""
        alone = not self._in_flight and self._answered_at < began
        return alone or self._silence >= self.limits.timeout

    @asynccontextmanager
    async def _slot(self) -> AsyncIterator[float]:
        """A place among the requests that may be sent at once; yields when it was free."""
        async with self._slots:
            now = time.monotonic()
            if not self._asked:
                self._asked_since = now
            self._asked += 1
            try:
                yield now
            finally:
                self._asked -= 1

    def _given_up(self, error: Exception, began: float) -> RequestFailedError:
        """The end of a request, and of all others where nothing at all is answered."""
        reason, detail = self._failure(error)
        if reason == "refused":
            self._answered_at = time.monotonic()
        elif self._is_silent(began):
            silence = f"nothing at all was answered for {self._silence:.0f} s"
            self._halt(reason, f"not sent, since {silence}")
            detail = f"{detail}; {silence}, so that no other request is sent"
        return RequestFailedError(reason, detail)

    def _halt(self, reason: str, detail: str) -> None:
        if not self._halted.is_set():
            self._why_halted = reason, detail
        self.halt()

    async def _pause(self, seconds: float) -> None:
        """Wait, unless nothing is sent any more."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._halted.wait(), seconds)

    async def _send(self, request: Request) -> Response:
        while (pause := self._open_at - time.monotonic()) > 0 and not self._halted.is_set():
            await self._pause(pause)
        if self._halted.is_set():
            raise RequestFailedError(*self._why_halted)
        start = time.monotonic()
        self._in_flight += 1
        try:
            # The client's own timeout is that of one read: an endpoint that trickles would never meet it.
            async with asyncio.timeout(self.limits.timeout):
                body = request.body() if self.name == "vllm" else strict_body(request)
                # What only vLLM knows is no argument of the client.
                held = body.pop("structured_outputs", None)
                extra = {"structured_outputs": held} if held else None
                raw = await self._client.chat.completions.with_raw_response.create(**body, extra_body=extra)
            seconds = round(time.monotonic() - start, 3)
            response = read_completion(json.loads(raw.content), engine=self.name, model=request.model, seconds=seconds)
        except (ValueError, RecursionError) as error:
            raise MalformedResponseError(f"the response is no chat completion ({error})") from error
        finally:
            self._in_flight -= 1
        self._answered_at = time.monotonic()
        return response

    def _failure(self, error: Exception) -> tuple[str, str]:
        """Why a request is given up: a word to count by, and what it was."""
        if (status := status_of(error)) is not None:
            said = printable(said_of(error))[:_MOST_SAID]  # in this order: half a key is one that is not found
            if status == BUSY:
                return "rate_limited", f"still busy after {self.limits.rate_limit_timeout:g} s ({said})"
            return ("refused", said + way_on(said)) if status in NON_RETRYABLE else ("server_fault", said)
        if isinstance(error, APITimeoutError | TimeoutError):
            return "timeout", f"no response within {self.limits.timeout:g} s"
        if isinstance(error, MalformedResponseError):
            return "malformed", printable(str(error))[:_MOST_SAID]
        return "connection", f"{self.url}: {error.__cause__ or error}"

    def _retry_transient(self) -> AsyncRetrying:
        failing_since: list[float] = []

        def enough(state: RetryCallState) -> bool:
            failing_since.append(now := time.monotonic())
            down = (
                is_down(state.outcome.exception() if state.outcome else None) and self._answered_at < failing_since[0]
            )
            waited = now - failing_since[0] >= self.limits.outage
            return state.attempt_number >= self.limits.attempts and (waited or not down)

        return AsyncRetrying(
            retry=retry_if_exception(is_transient),
            stop=enough,
            wait=self._growing,
            sleep=self._pause,
            before_sleep=lambda state: self._count("fault", state),
            reraise=True,
        )

    def _retry_rate_limited(self) -> AsyncRetrying:
        return AsyncRetrying(
            retry=retry_if_exception(is_busy),
            stop=stop_before_delay(self.limits.rate_limit_timeout),
            wait=self._retry_wait,
            sleep=self._pause,
            before_sleep=lambda state: self._count("rate_limit", state),
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

    def _count(self, what: str, state: RetryCallState) -> None:
        self.waits[what] += 1
        error = state.outcome.exception() if state.outcome else None
        self._trouble = printable(": ".join(self._failure(error)))[:200] if isinstance(error, Exception) else ""
