"""What answers requests: one module per engine."""

# Used by its modules: found by no name in params.yaml.
SHARED = ("batches", "completions", "engine", "faults", "files", "key", "sampling", "statuses", "strict", "weights")
