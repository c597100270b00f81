"""Readers, one module per published format; the few-shot draw; data cards."""

SHARED = ("card", "dataset", "draw")  # by its modules: found by no name in params.yaml
