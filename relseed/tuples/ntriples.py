"""N-Triples, as DBpedia publishes its dumps: one file or a folder of them, plain or packed (.gz, .bz2).

    <http://dbpedia.org/resource/X> <http://dbpedia.org/ontology/birthPlace> <http://dbpedia.org/resource/Y> .

Triples of `rdf:type` in the same files say the types of entities; without any, types are those of the relations.
"""

import bz2
import gzip
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from pydantic import Field
from rdflib import RDF, URIRef
from rdflib.plugins.parsers.ntriples import DummySink, ParseError, W3CNTriplesParser
from rdflib.term import Node

from relseed.records.files import DataError, raise_all
from relseed.tasks.relation import Schema
from relseed.tasks.relation.entity_tuple import EntityTuple
from relseed.tuples.knowledge_base import check_labels, local_name, tuple_of
from relseed.tuples.source import Asked, TuplesSettings, Unwanted

_OPEN: Mapping[str, Any] = {".gz": gzip.open, ".bz2": bz2.open}
_DISAMBIGUATION = re.compile(r"\s+\([^()]*\)$")

Triple = tuple[Node, Node, Node]


class Settings(TuplesSettings):
    """The section `tuples` with this source."""

    relations: dict[str, str]  # labels by the last part of a predicate (`birthPlace: born_in`)
    types: dict[str, str] = Field(default={})  # types of the schema by the last part of a class (`Person: PERSON`)


def collect(asked: Asked) -> Iterator[EntityTuple]:
    """The tuples, line by line; the files are read twice, first for the types.

    Raises:
        DataError: The file is missing, or lines are no triples: raised after the last one.
        UserError: A label is not one of the schema.
    """
    settings: Settings = asked.settings
    check_labels(settings.relations.values(), asked.schema)
    types = _types(settings)
    errors: list[DataError] = []
    for source, found in _triples(settings.reads):
        if isinstance(found, DataError):
            errors.append(found)
        elif found[1] != RDF.type:
            try:
                yield _tuple(found, settings, asked.schema, source, types)
            except Unwanted as unwanted:
                asked.leave_out(source, unwanted)
    raise_all(errors)


def _types(settings: Settings) -> dict[Node, set[str]]:
    """The types of each entity that has one of those wanted."""
    types: dict[Node, set[str]] = {}
    if settings.types:
        for _, found in _triples(settings.reads):
            if isinstance(found, DataError) or found[1] != RDF.type:
                continue
            if type := settings.types.get(local_name(str(found[2]))):
                types.setdefault(found[0], set()).add(type)
    return types


def _tuple(
    triple: Triple, settings: Settings, schema: Schema, source: str, types: Mapping[Node, Collection[str]]
) -> EntityTuple:
    """Raises Unwanted where the triple is none that is wanted."""
    head, predicate, tail = triple
    shown = f"{head} | {tail}"
    label = settings.relations.get(local_name(str(predicate)))
    if label is None:
        raise Unwanted("other_relation", str(predicate))
    if not isinstance(head, URIRef) or not isinstance(tail, URIRef):
        raise Unwanted("no_entity", shown)
    known = {"head_type": types.get(head, ()), "tail_type": types.get(tail, ())}
    if settings.types and not all(known.values()):
        raise Unwanted("other_type", shown)
    return tuple_of(schema.by_label[label], {"head": name_of(head), "tail": name_of(tail)}, known, source)


def name_of(resource: str) -> str:
    """The name in a resource's IRI: `Ada Lovelace` of `.../resource/Ada_Lovelace_(film)`."""
    last = resource.partition("/resource/")[2] or local_name(resource)
    return _DISAMBIGUATION.sub("", unquote(last).replace("_", " ").strip())


class _Triple(DummySink):
    """Keeps the last triple."""

    found: Triple | None = None

    def triple(self, s: Node, p: Node, o: Node) -> None:
        self.found = (s, p, o)


def _triples(path: Path) -> Iterator[tuple[str, Triple | DataError]]:
    """Yield (file and line, triple, or why there is none)."""
    for file in _files(path):
        sink = _Triple()
        parser = W3CNTriplesParser(sink)
        with _OPEN.get(file.suffix, open)(file, "rt", encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                sink.found = None
                try:
                    parser.line = line.rstrip("\r\n")
                    parser.parseline()
                except ParseError as error:
                    yield f"{file}:{number}", DataError(file, number, f"not a triple ({error}): leave the line out")
                else:
                    if sink.found is not None:  # neither blank nor a comment
                        yield f"{file}:{number}", sink.found


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        if files := sorted(each for each in path.iterdir() if {".nt", ".ttl"} & set(each.suffixes)):
            return files
        raise DataError(path, None, "holds no .nt or .ttl file, plain or packed (.gz, .bz2)")
    if not path.is_file():
        raise DataError(path, None, "file not found: see `tuples.reads` in params.yaml")
    return [path]
