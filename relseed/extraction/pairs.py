"""The pairs of mentions in a document that a relation of the schema may hold between, as items to label."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence

from relseed.extraction.documents import Document
from relseed.tasks.relation import Mention, Schema, Sentence
from relseed.tasks.relation.passages import Span


def pairs(document: Document, schema: Schema, max_distance: int) -> Iterator[tuple[Span, Sentence]]:
    """Every ordered pair of mentions in one sentence that the schema allows, with the span of the sentence.

    Offsets in the item count from the start of its sentence. Mentions of the same wording are no pair: they name the
    same thing twice. Neither are those that overlap, or that have more than `max_distance` characters between them.
    """
    for sentence, mentions in _by_sentence(document):
        text = document.text[sentence.start : sentence.end]
        for first, second in _near(mentions, max_distance):
            if _wording(first, text) != _wording(second, text):
                for head, tail in ((first, second), (second, first)):
                    if schema.relates(head, tail):
                        yield sentence, Sentence(text=text, head=head, tail=tail)


def _by_sentence(document: Document) -> Iterator[tuple[Span, list[Mention]]]:
    """Each sentence with the mentions that are whole in it, in the order of the text, offsets in the sentence."""
    mentions = sorted(document.mentions, key=lambda mention: mention.start)
    starts = [mention.start for mention in mentions]
    for sentence in document.sentences:
        first, last = bisect_left(starts, sentence.start), bisect_left(starts, sentence.end)
        yield (
            sentence,
            [
                Mention(start=found.start - sentence.start, end=found.end - sentence.start, type=found.type)
                for found in mentions[first:last]
                if found.end <= sentence.end
            ],
        )


def _near(mentions: Sequence[Mention], max_distance: int) -> Iterator[tuple[Mention, Mention]]:
    for place, first in enumerate(mentions):
        for second in mentions[place + 1 :]:
            if second.start - first.end > max_distance:
                break
            if first.end <= second.start:
                yield first, second


def _wording(mention: Mention, text: str) -> str:
    return " ".join(mention.text_of(text).split()).casefold()
