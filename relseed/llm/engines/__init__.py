"""What answers requests: one module per engine."""

SHARED = ("batches", "engine", "sampling", "statuses", "weights")  # by its modules: found by no name in params.yaml
