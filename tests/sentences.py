"""Sentences as tests write them down."""

from stages.records.example import Sentence


def sentence(text: str, head: tuple, tail: tuple) -> Sentence:
    """A sentence with `head` and `tail` as (start, end) or (start, end, type)."""
    roles = {"head": head, "tail": tail}
    return Sentence.model_validate(
        {"text": text} | {role: dict(zip(("start", "end", "type"), span, strict=False)) for role, span in roles.items()}
    )
