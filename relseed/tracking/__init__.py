"""MLflow, as a view of what DVC records: one run per executed stage, and never a reason for a stage to fail."""
