"""Criteria: each gives accepted examples a score from 0 to 1."""
