"""Where a seed and its explanation name the mentions, and where the seed says what relates them; in characters."""

import re
from itertools import pairwise

from relseed.tasks.relation import Sentence
from relseed.tasks.relation.tags import Span


def occurrences(text: str, words: str) -> list[Span]:
    """Where `words` stand in `text` as whole words, whatever their case."""
    return [found.span() for found in re.finditer(rf"(?<!\w){re.escape(words)}(?!\w)", text, re.IGNORECASE)]


def mentions(sentence: Sentence) -> list[Span]:
    """Head and tail, and wherever else the sentence has the same words; in order, some perhaps overlapping."""
    marked = [(mention.start, mention.end) for mention in (sentence.head, sentence.tail)]
    repeated = [span for start, end in marked for span in occurrences(sentence.text, sentence.text[start:end])]
    return sorted({*marked, *repeated})


def relation_span(sentence: Sentence, trigger: str) -> Span | None:
    """The words of the sentence that carry the relation of its mentions, without the mentions themselves.

    1. Where the trigger stands, which an LLM copied from the sentence when it explained it: where it stands several
       times, where it is closest to the two mentions.
    2. Where nothing of the trigger lies outside of the mentions, the words between head and tail.
    3. Where there are none, nothing: None.

    The words are always the sentence's own: neither the name of the relation nor the wording of the instructions, which
    an explanation may repeat, can come in.
    """
    taken = mentions(sentence)
    found = _places(sentence.text, trigger) if trigger else []
    pieces = [piece for place in found if (piece := _longest_outside(sentence.text, place, taken))]
    if pieces:
        return min(pieces, key=lambda piece: (_distance(piece, sentence), piece))
    first, second = sorted((sentence.head, sentence.tail), key=lambda mention: mention.start)
    return _longest_outside(sentence.text, (first.end, second.start), taken)


def _places(text: str, words: str) -> list[Span]:
    """Where `words` stand, as whole words if they do so anywhere: a trigger may be a part of one."""
    found = [match.span() for match in re.finditer(re.escape(words), text)]
    whole = [match.span() for match in re.finditer(rf"(?<!\w){re.escape(words)}(?!\w)", text)]
    return whole or found


def _longest_outside(text: str, place: Span, taken: list[Span]) -> Span | None:
    """The longest part of a place that lies outside of all spans in `taken` and begins and ends with a word."""
    start, end = place
    cuts = [start, *(min(max(edge, start), end) for span in taken for edge in span), end]
    edges = sorted(set(cuts))
    free = [(a, b) for a, b in pairwise(edges) if not any(s <= a and b <= e for s, e in taken)]
    pieces = [trimmed for piece in free if (trimmed := _trimmed(text, piece))]
    return max(pieces, key=lambda piece: piece[1] - piece[0], default=None)


def _trimmed(text: str, place: Span) -> Span | None:
    """A place without what is no word at its two ends; None if there is no word in it."""
    words = list(re.finditer(r"\w+", text[slice(*place)]))
    return (place[0] + words[0].start(), place[0] + words[-1].end()) if words else None


def _distance(piece: Span, sentence: Sentence) -> int:
    """Characters between a piece and the two mentions, added up."""
    ends = ((mention.start, mention.end) for mention in (sentence.head, sentence.tail))
    return sum(max(start - piece[1], piece[0] - end, 0) for start, end in ends)
