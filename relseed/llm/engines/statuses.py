"""What an HTTP status means: for its request, and for all others."""

KEY = "OPENAI_API_KEY"
NO_QUOTA = "insufficient_quota"  # the code of a 429 that no waiting ends

NON_RETRYABLE = (400, 413, 422)  # of the request itself: sent again, it would be refused again
FATAL_HINTS = {  # what every request would meet, and what a person can do about it
    401: f"the key in the environment variable {KEY} is missing or wrong",
    402: "there is no credit left; what was answered is kept",
    403: f"the key in the environment variable {KEY} may not use this model",
    404: "the endpoint has no such model, or the address lacks its /v1",
}


def fatal_hint(status: int, code: object) -> str | None:
    """What a person can do, where every request would meet this error."""
    return FATAL_HINTS[402] if code == NO_QUOTA else FATAL_HINTS.get(status)
