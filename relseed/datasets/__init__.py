"""Readers, one module per published format; the few-shot draw; data cards."""

SHARED = ("card", "check", "dataset", "draw", "findings", "skeleton")  # by its modules: found by no name in params.yaml
