"""What may be wrong with a sentence although its form is right."""

from relseed.quality.language import inside_word
from relseed.tasks.relation import Schema, Sentence


def cut_mention(sentence: Sentence) -> str | None:
    """Whether a mention begins or ends inside a word."""
    for role, mention in (("head", sentence.head), ("tail", sentence.tail)):
        if any(inside_word(sentence.text, place) for place in (mention.start, mention.end)):
            return f"the {role} {mention.text_of(sentence.text)!r} begins or ends inside a word"
    return None


def unrelated_types(sentence: Sentence, schema: Schema) -> str | None:
    """Whether the sentence can be of the negative label alone, by the types of its mentions."""
    if schema.relates(sentence.head, sentence.tail):
        return None
    return f"no relation is {sentence.head.type} -> {sentence.tail.type}"
