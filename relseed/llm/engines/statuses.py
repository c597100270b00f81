"""What an HTTP status means: for its request, and for all others."""

import re

KEY = "OPENAI_API_KEY"

NON_RETRYABLE = (400, 413, 422)  # of the request itself: sent again, it would be refused again
FATAL_HINTS = {  # what every request would meet, and what a person can do about it
    401: f"the key in the environment variable {KEY} is missing or wrong",
    402: "there is no credit left; what was answered is kept",
    403: f"the key in the environment variable {KEY} may not use this model",
    404: "the endpoint has no such model, or the address lacks its /v1",
}


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
