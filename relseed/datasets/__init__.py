"""Readers, one module per published format; the few-shot draw; data cards."""
