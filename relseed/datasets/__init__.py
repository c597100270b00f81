"""Readers, one module per published format; the few-shot draw; data cards."""

# By its modules: found by no name in params.yaml.
SHARED = ("card", "check", "dataset", "draw", "findings", "json_file", "questions", "skeleton")
