"""The pipeline: one module per DVC stage (verbs), and the library they share (folders, nouns)."""
