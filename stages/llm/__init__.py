"""Talking to LLMs: requests, completions, the cache that keeps every answer, engines, what it costs."""
