"""CrossRE as published (Bassignana and Plank 2022): one JSON object a line, inclusive token spans, six domains.

A pair of mentions may carry several labels: each becomes an example of its own. Pairs of mentions without a label
in either direction become `no_relation`, once, with the first mention as head. Each example has all mentions of its
sentence as `mentions`, and in `related` the pairs of them, by their numbers from 0, that have a label.
"""

from collections import Counter
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, StrictBool, StrictInt, StrictStr

from relseed.datasets.dataset import Dataset
from relseed.pipeline.errors import UserError
from relseed.records.files import DataError, Located, scan_records
from relseed.tasks.relation import TASK, Schema
from relseed.tasks.relation.tags import Span, detokenize, token_to_char_span
from relseed.tasks.task import Split, Task, checked, read_schema

DOMAINS = ("ai", "literature", "music", "news", "politics", "science")

_FILES: dict[Split, str] = {"train": "train", "validation": "dev", "test": "test"}
_NO_RELATION = "no_relation"
_REMARKS = ("explanation", "uncertain", "syntax_ambiguity")
_CURE = "CrossRE is published at https://github.com/mainlp/CrossRE; the path is its folder crossre_data"


class _Sentence(BaseModel):
    """A line: mentions are (first, last, type), relations (head span, tail span, label, three remarks)."""

    model_config = ConfigDict(extra="forbid")

    doc_key: StrictStr
    sentence: list[StrictStr]
    ner: list[tuple[StrictInt, StrictInt, StrictStr]]
    relations: list[tuple[StrictInt, StrictInt, StrictInt, StrictInt, StrictStr, StrictStr, StrictBool, StrictBool]]


def read(folder: Path, *, task: Task, domain: str | None) -> Dataset:
    """Read `{domain}-train.json`, `{domain}-dev.json` and `{domain}-test.json`.

    Raises:
        UserError: There is no such domain.
        DataError: A file is missing or malformed, or a sentence is not what the schema allows.
    """
    if domain not in DOMAINS:
        raise UserError(f"CrossRE has no domain {domain!r}: it has {', '.join(DOMAINS)}")
    schema = read_schema(Path(__file__).parent / "relations.jsonl", TASK)
    counts: dict[Split, Counter[str]] = {split: Counter() for split in _FILES}
    located = {
        split: read_file(folder / f"{domain}-{file}.json", schema, counts[split]) for split, file in _FILES.items()
    }
    return Dataset(
        name=f"CrossRE ({domain})",
        licence="GPL-3.0 (of the repository; no licence of the data alone is stated)",
        source="Bassignana and Plank 2022, https://github.com/mainlp/CrossRE",
        task=TASK,
        schema=schema,
        located=located,
        notes=_notes(counts),
        published=True,
    )


def _notes(counts: dict[Split, Counter[str]]) -> list[str]:
    def listed(pattern: str) -> str:
        return ", ".join(f"{split} {pattern.format_map(count)}" for split, count in counts.items())

    return [
        f"labelled pairs with several labels: {listed('{several} of {pairs}')}; each label is an example of its own, "
        "so that an extractor that answers with one label cannot get them all right",
        f"left out because the mentions overlap, labels and unlabelled pairs: "
        f"{listed('{overlapping} and {overlapping_unlabelled}')}",
    ]


def read_file(path: Path, schema: Schema, counts: Counter[str]) -> list[Located]:
    """Read one published file; `counts` is filled with what the notes of the dataset report.

    An example has its sentence's key in its id (`ai-dev-1/0`) and, where it is labelled, the annotators' remarks.

    Raises:
        DataError: The file is missing, or a sentence is malformed or not allowed by the schema.
    """
    return checked(path, TASK, schema, _records(path, counts))


def _records(path: Path, counts: Counter[str]) -> Iterator[tuple[int, dict[str, Any] | DataError]]:
    for line, sentence in scan_records(path, _Sentence, cure=_CURE):
        if isinstance(sentence, DataError):
            yield line, sentence
            continue
        try:
            yield from ((line, fields) for fields in _examples_of(sentence, counts))
        except ValueError as error:
            yield line, DataError(path, line, str(error))


def _examples_of(sentence: _Sentence, counts: Counter[str]) -> Iterator[dict[str, Any]]:
    text = detokenize(sentence.sentence)
    mentions = _mentions(sentence)
    pairs = list(_pairs(sentence, mentions, counts))
    numbers = {span: number for number, span in enumerate(mentions)}
    ends = dict.fromkeys(relation[:4] for relation in sentence.relations)  # once, whatever the labels
    related = [[numbers[first, last], numbers[start, end]] for first, last, start, end in ends]
    for number, (head, tail, relation, remarks) in enumerate(pairs):
        yield {
            "id": f"{sentence.doc_key}/{number}",
            "text": text,
            "head": mentions[head],
            "tail": mentions[tail],
            "relation": relation,
            "mentions": list(mentions.values()),
            "related": related,
            **remarks,
        }


def _mentions(sentence: _Sentence) -> dict[Span, dict[str, Any]]:
    mentions: dict[Span, dict[str, Any]] = {}
    for first, last, entity_type in sentence.ner:
        if (first, last) in mentions:
            raise ValueError(f"tokens {first} to {last} are listed as a mention twice")
        start, end = token_to_char_span(sentence.sentence, (first, last))
        mentions[first, last] = {"start": start, "end": end, "type": entity_type}
    return mentions


def _pairs(
    sentence: _Sentence, mentions: dict[Span, dict[str, Any]], counts: Counter[str]
) -> Iterator[tuple[Span, Span, str, dict[str, Any]]]:
    """Yield (head, tail, label, remarks) of the labelled pairs as they stand, then of the unlabelled ones."""
    labels: Counter[tuple[Span, Span]] = Counter()
    for *ends, label, explanation, uncertain, ambiguity in sentence.relations:
        head, tail = (ends[0], ends[1]), (ends[2], ends[3])
        if missing := {head, tail} - mentions.keys():
            raise ValueError(f"{label} holds for tokens {missing.pop()}, which are not a mention of the sentence")
        if label == _NO_RELATION:
            raise ValueError(f"unknown label {label!r}: CrossRE has no label for pairs without a relation")
        if _overlap(head, tail):
            counts["overlapping"] += 1
            continue
        labels[head, tail] += 1
        yield head, tail, label, dict(zip(_REMARKS, (explanation, uncertain, ambiguity), strict=True))
    counts["pairs"] += len(labels)
    counts["several"] += sum(number > 1 for number in labels.values())
    for head, tail in combinations(sorted(mentions), 2):
        if (head, tail) in labels or (tail, head) in labels:
            continue
        if _overlap(head, tail):
            counts["overlapping_unlabelled"] += 1
        else:
            yield head, tail, _NO_RELATION, {}


def _overlap(span: Span, other: Span) -> bool:
    return span[0] <= other[1] and other[0] <= span[1]
