"""Texts measured and compared: near-duplicates, language, diversity."""
