"""The small generator: a causal language model made of an encoder, what it is shown, how it is taught and tuned."""
