"""An LLM that labels test examples itself: what it is shown, how it answers, how its answers are read."""
