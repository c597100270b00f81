"""What answers requests: one module per engine."""
