"""What is labelled: each task with its records, prompts and rules."""

SHARED = ("formatting", "structured", "task")  # by its modules: found by no name in params.yaml
