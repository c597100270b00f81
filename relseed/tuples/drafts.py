"""The drafts that fusion makes one sentence of: what two methods wrote about the same entity tuple."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from relseed.pipeline.params import Section
from relseed.tasks.relation import TASK, Example, Schema
from relseed.tasks.relation.entity_tuple import EntityTuple
from relseed.tasks.relation.tags import tagged
from relseed.tasks.task import read_examples


class Drafts(Section):
    """An entry of `drafts`: the accepted sentences of two methods."""

    first: Path
    second: Path


def read_drafts(path: Path, schema: Schema) -> dict[str, str]:
    """The first sentence about each tuple in a file of accepted examples, with tags.

    Raises:
        DataError: The file is missing, or a line holds no example.
    """
    found: dict[str, str] = {}
    for example in read_examples(path, TASK, schema, empty=True):
        found.setdefault(_about(example), tagged(example))
    return found


def _about(example: Example) -> str:
    return str((example.model_extra or {}).get("tuple"))


def with_drafts(tuples: Iterable[EntityTuple], first: dict[str, str], second: dict[str, str]) -> Iterator[EntityTuple]:
    """The tuples of which both methods wrote, with what they wrote."""
    for each in tuples:
        if each.id in first and each.id in second:
            yield each.model_copy(update={"drafts": (first[each.id], second[each.id])})
