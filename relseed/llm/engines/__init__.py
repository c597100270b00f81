"""What answers requests: one module per engine."""

# By its modules: found by no name in params.yaml.
SHARED = ("batches", "completions", "engine", "files", "key", "sampling", "statuses", "weights")
