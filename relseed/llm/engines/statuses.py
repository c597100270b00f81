"""What an HTTP status means: for its request, and for all others."""

KEY = "OPENAI_API_KEY"

NON_RETRYABLE = (400, 413, 422)  # of the request itself: sent again, it would be refused again
FATAL_HINTS = {  # what every request would meet, and what a person can do about it
    401: f"the key in the environment variable {KEY} is missing or wrong",
    402: "there is no credit left; what was answered is kept",
    403: f"the key in the environment variable {KEY} may not use this model",
    404: "the endpoint has no such model, or the address lacks its /v1",
}
