"""The relation classifier: input marking, encoders, training loop, checkpoints, inference."""
