"""What is labelled: each task with its records, prompts and rules."""
