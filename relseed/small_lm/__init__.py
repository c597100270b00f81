"""The small language model: what it is tuned on, and how it is tuned and kept."""
