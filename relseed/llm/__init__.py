"""Talking to LLMs: requests, responses, the cache that keeps every response, what it costs."""
