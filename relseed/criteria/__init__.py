"""Criteria: each gives accepted examples a score from 0 to 1."""

SHARED = ("cache", "criterion")  # by its modules: found by no name in params.yaml
