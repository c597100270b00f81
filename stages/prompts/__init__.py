"""What LLMs are asked for: each task one object that owns its prompt, its answer's schema and its parser."""
