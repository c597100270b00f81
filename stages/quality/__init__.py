"""Checks on texts: near-duplicates and overlap between splits."""
