"""From raw texts to triples: mentions are found and paired, and an extractor says which relation holds, if any."""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path
from typing import Any

from relseed.classifier.checkpoint import Extractor
from relseed.classifier.labelling import label
from relseed.extraction.documents import DocumentId, FoundMention, Triple, read_texts
from relseed.extraction.mentions import find_mentions
from relseed.extraction.pairs import pairs
from relseed.extraction.settings import Extract
from relseed.pipeline.errors import UserError
from relseed.pipeline.progress import bar
from relseed.records.files import write_records
from relseed.tasks.relation import TASK, Mention, Schema, Sentence
from relseed.tasks.relation.passages import Span

CHARACTERS = 200_000  # of documents in memory at the same time, more only where one document has more
PAIRS = 4096  # labelled in one batch, sorted by length together


@dataclass(frozen=True, slots=True)
class _Item:
    """A pair of mentions, and where its sentence is."""

    document: DocumentId
    place: Span
    sentence: Sentence


def extract_file(extractor: Extractor, source: Path, target: Path, settings: Extract, **expected: float | None) -> None:
    """Write the triples of all documents in a file as JSON Lines, whole or not at all; see `extract`, `read_texts`."""
    documents = bar(read_texts(source), desc="extract", unit="document")
    write_records(target, extract(extractor, documents, settings, **expected))


def extract(
    extractor: Extractor, documents: Iterable[tuple[DocumentId, str]], settings: Extract, **expected: float | None
) -> Iterator[Triple]:
    """Yield what an extractor asserts of the pairs of mentions in documents, given as (id, text), in their order.

    Of a symmetric relation that is asserted in both directions only the more probable is taken. Memory does not grow
    with the number of documents. `expected` are the threshold and the share of negatives that `label` takes.

    Raises:
        UserError: The extractor labels no relations, its schema and `settings.types` have no pair of types in common,
            or spaCy's model does not fit the settings.
    """
    if extractor.task.name != TASK.name:
        raise UserError(f"relations are extracted from texts, and this extractor labels {extractor.task.name}")
    schema: Schema = extractor.schema
    _check_types(schema, settings)
    triples = _asserted(extractor, _items(schema, documents, settings), expected)
    for _, found in groupby(triples, key=lambda triple: (triple.document, triple.sentence)):
        yield from _one_direction(found, schema)


def _check_types(schema: Schema, settings: Extract) -> None:
    types = set(settings.types.values())
    positive = [relation for relation in schema.relations if not relation.negative]
    if not any({each.head_type, each.tail_type} <= {None, *types} for each in positive):
        wanted = dict.fromkeys(f"{each.head_type or 'any'} -> {each.tail_type or 'any'}" for each in positive)
        raise UserError(
            f"extract.types gives {', '.join(sorted(types))}, and no relation holds between these: the extractor's "
            f"relations ask for {', '.join(wanted)}"
        )


def _items(schema: Schema, documents: Iterable[tuple[DocumentId, str]], settings: Extract) -> Iterator[_Item]:
    for some in _batches(documents):
        found = find_mentions([text for _, text in some], settings)
        for (id, _), document in zip(some, found, strict=True):
            for place, sentence in pairs(document, schema, settings.max_distance):
                yield _Item(id, place, sentence)


def _batches(documents: Iterable[tuple[DocumentId, str]]) -> Iterator[list[tuple[DocumentId, str]]]:
    batch, size = [], 0
    for document in documents:
        batch.append(document)
        size += len(document[1]) + 1  # empty ones take memory, too
        if size >= CHARACTERS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _asserted(extractor: Extractor, items: Iterator[_Item], expected: Mapping[str, float | None]) -> Iterator[Triple]:
    while some := list(islice(items, PAIRS)):
        for item, labelled in _labelled(extractor, some, expected):
            if assertion := _assertion(extractor.schema, item.sentence, labelled):
                yield _triple(item, *assertion)


def _labelled(
    extractor: Extractor, items: Sequence[_Item], expected: Mapping[str, float | None]
) -> Iterator[tuple[_Item, Mapping[str, Any]]]:
    """Items with what `label` says of them, all in one batch; without those that the extractor cannot read."""
    try:
        labelled = list(label(extractor, [item.sentence for item in items], **expected))
    except UserError:  # a list or table that was taken for a sentence, its mentions further apart than `max_length`
        readable = [item for item in items if _readable(extractor, item.sentence)]
        if len(readable) == len(items):
            raise
        print(f"note: {len(items) - len(readable)} pairs of mentions are too far apart to be read", file=sys.stderr)
        items, labelled = readable, list(label(extractor, [item.sentence for item in readable], **expected))
    yield from zip(items, labelled, strict=True)


def _readable(extractor: Extractor, sentence: Sentence) -> bool:
    try:
        extractor.encode([sentence])
    except UserError:
        return False
    return True


def _assertion(schema: Schema, sentence: Sentence, labelled: Mapping[str, Any]) -> tuple[str, float] | None:
    """The relation that is asserted, with its probability: what is predicted, where it can hold between such types."""
    predicted = labelled["predicted"]
    if predicted == schema.negative or not schema.by_label[predicted].allows(sentence):
        return None
    return predicted, labelled["probabilities"][predicted]


def _triple(item: _Item, relation: str, probability: float) -> Triple:
    head, tail = (_in_document(item, mention) for mention in (item.sentence.head, item.sentence.tail))
    return Triple(
        document=item.document,
        head=head,
        relation=relation,
        tail=tail,
        probability=probability,
        sentence=item.place,
    )


def _in_document(item: _Item, mention: Mention) -> FoundMention:
    shift = item.place.start
    return FoundMention(
        text=mention.text_of(item.sentence.text),
        start=mention.start + shift,
        end=mention.end + shift,
        type=str(mention.type),
    )


def _one_direction(triples: Iterable[Triple], schema: Schema) -> Iterator[Triple]:
    """The triples of one sentence, each pair with a symmetric relation once."""
    best: dict[tuple[str, int, int], Triple] = {}
    for triple in triples:
        first, second = triple.head.start, triple.tail.start
        if schema.by_label[triple.relation].symmetric:
            first, second = sorted((first, second))
        known = best.get(key := (triple.relation, first, second))
        if known is None or triple.probability > known.probability:
            best[key] = triple
    yield from best.values()
