"""The extractor: input marking, model, heads, training, checkpoints, inference."""
