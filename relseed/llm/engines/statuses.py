"""What an HTTP status means: for its request, and for all others."""

import math
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

KEY = "OPENAI_API_KEY"
NO_QUOTA = "insufficient_quota"  # the code of a 429 that no waiting ends

NON_RETRYABLE = (400, 413, 422)  # of the request itself: sent again, it would be refused again
FATAL_HINTS = {  # what every request would meet, and what a person can do about it
    401: f"the key in the environment variable {KEY} is missing or wrong",
    402: "there is no credit left; what was answered is kept",
    403: f"the key in the environment variable {KEY} may not use this model",
    404: "the endpoint has no such model, or the address lacks its /v1",
}


def fatal_hint(status: int | None, code: object) -> str | None:
    """What a person can do, where every request would meet this error."""
    return FATAL_HINTS[402] if code == NO_QUOTA else FATAL_HINTS.get(status or 0)


def retry_after(header: str | None) -> float | None:
    """Seconds that a `Retry-After` header asks for, given as seconds or as a date; None if it says nothing usable."""
    if header is None:
        return None
    try:
        seconds = float(header)
    except ValueError:
        pass
    else:
        return max(0.0, seconds) if math.isfinite(seconds) else None
    try:
        return max(0.0, (parsedate_to_datetime(header) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return None


_WAYS_ON = (  # what a refusal speaks of, and the setting of the LLM that sends something else
    (
        ("response_format", "json_schema", "structured output", "structured_output", "guided", "invalid schema"),
        "structured_output: false sends no JSON schema",
    ),
    (("max_tokens", "max_completion_tokens"), "limit_name: max_completion_tokens, or max_tokens, renames the limit"),
    (("temperature",), "temperature: null leaves it out"),
    (("top_p",), "top_p: null leaves it out"),
    (("seed",), "seed: null leaves it out"),
    (("reasoning_effort", "reasoning.effort"), "reasoning_effort: null leaves it out"),
)


def way_on(said: str) -> str:
    """What can be set where an engine refuses a parameter, by what it says; nothing where it speaks of none."""
    plain = said.casefold()
    cures = [cure for words, cure in _WAYS_ON if any(re.search(rf"\b{word}\b", plain) for word in words)]
    return f" (in the LLM's entry of `llms` in params.yaml, {'; '.join(cures)})" if cures else ""
