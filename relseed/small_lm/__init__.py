"""The small language model: a causal model made of an encoder, and what it is trained on."""
