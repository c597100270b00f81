"""A `python` for tests that starts stages with PyTorch, transformers and MLflow imported already.

The tests start some forty stages, and most of each one's time goes into importing the same libraries. Where a test is
about what stages do, and not about how they start, `server.py` imports them once and forks a process for each stage,
and `client.py` stands before the real interpreter in PATH. The stages themselves are imported from the checkout.
"""
