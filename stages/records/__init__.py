"""The one record format: examples, relations, and the JSON Lines files they live in."""
