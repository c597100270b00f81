"""Loops: ways to have examples written, one module each. A method in params.yaml names one, and its settings."""
