"""What answers requests: one module per engine."""

SHARED = ("engine", "statuses")  # by its modules: found by no name in params.yaml
