"""The way back from character offsets to tokens, as datasets are published in."""

from relseed.tasks.relation import Mention, Sentence
from relseed.tasks.relation.tags import Span


def tokens_and_spans(sentence: Sentence) -> tuple[list[str], Span, Span]:
    """The tokens of a text that `detokenize` made, and head and tail as spans of them, ends inclusive."""
    text = sentence.text
    return text.split(" "), _token_span(text, sentence.head), _token_span(text, sentence.tail)


def _token_span(text: str, mention: Mention) -> Span:
    assert f" {text}"[mention.start] == f"{text} "[mention.end] == " ", "a mention begins or ends inside a token"
    first = text.count(" ", 0, mention.start)
    return first, first + mention.text_of(text).count(" ")
