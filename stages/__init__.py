"""The pipeline: one module per DVC stage."""
