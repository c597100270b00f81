"""Entity tuples that sentences are to be written about: AmalREC's first stage.

A source is a module in here, named in params.yaml, with `Settings` and `collect(asked)`, which yields tuples.
"""

SHARED = ("collection", "contexts", "drafts", "knowledge_base", "pairs", "prompt", "record", "rows", "source")
