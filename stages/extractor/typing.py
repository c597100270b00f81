"""Sentences without entity types for an extractor that was trained with them."""

from collections.abc import Sequence

from stages.records.example import Schema, Sentence


def type_pairs(schema: Schema) -> list[tuple[str, str]]:
    """The (head type, tail type) pairs that the schema's relations join, each once, in the schema's order."""
    pairs = [(relation.head_type, relation.tail_type) for relation in schema.relations]
    return list(dict.fromkeys((head, tail) for head, tail in pairs if head is not None and tail is not None))


def typings(sentence: Sentence, pairs: Sequence[tuple[str, str]]) -> list[Sentence]:
    """The sentence with each pair of types that agrees with those it has; itself where it has both."""
    have = (sentence.head.type, sentence.tail.type)
    if None not in have:
        return [sentence]
    fitting = [pair for pair in pairs if all(own in (None, new) for own, new in zip(have, pair, strict=True))]
    return [
        sentence.model_copy(
            update={
                "head": sentence.head.model_copy(update={"type": head}),
                "tail": sentence.tail.model_copy(update={"type": tail}),
            }
        )
        for head, tail in fitting
    ]
