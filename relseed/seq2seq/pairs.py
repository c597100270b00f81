"""What an encoder-decoder model is fine-tuned on: an entity tuple as a line of text, and a sentence about it."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from xml.etree import ElementTree

from relseed.pipeline.errors import UserError
from relseed.records.files import DataError
from relseed.tasks.relation import Example, Schema
from relseed.tasks.relation.plain_prompt import linearised

TextPair = tuple[str, str]  # the text that is read, and the sentence that is written


def pairs_of(examples: Iterable[Example], schema: Schema) -> Iterator[TextPair]:
    """The tuple and the sentence of each example of a relation that asserts something."""
    for example in examples:
        relation = schema.by_label[example.relation]
        if not relation.negative:
            names = (mention.text_of(example.text) for mention in (example.head, example.tail))
            yield f"{linearised(relation, *names)}\nsentence:", example.text


def read_webnlg(folder: Path) -> list[TextPair]:
    """The pairs of WebNLG's XML files (Gardent et al. 2017): entries of one triple, and each of their sentences.

    Raises:
        DataError: A file is no XML of WebNLG.
        UserError: The folder holds no such entry.
    """
    pairs = [pair for path in sorted(folder.rglob("*.xml")) for pair in _webnlg_pairs(path)]
    if not pairs:
        raise UserError(f"{folder} holds no WebNLG entry of one triple: name the folder of its XML files")
    return pairs


def _webnlg_pairs(path: Path) -> Iterator[TextPair]:
    try:
        entries = ElementTree.parse(path).getroot().iter("entry")
    except ElementTree.ParseError as error:
        raise DataError(path, error.position[0], f"not XML ({error})") from None
    for entry in entries:
        triples = [triple.text or "" for triple in entry.iterfind("modifiedtripleset/mtriple")]
        if len(triples) != 1:
            continue
        parts = [" ".join(part.replace("_", " ").split()) for part in triples[0].split(" | ")]
        if len(parts) != 3:
            raise DataError(
                path, None, f"the triple {triples[0]!r} has {len(parts)} parts: subject | property | object"
            )
        head, relation, tail = (part.strip('"') for part in parts)
        for sentence in entry.iterfind("lex"):
            if text := " ".join((sentence.text or "").split()):
                yield f"relation: {_words(relation)} (any, any) | head: {head} | tail: {tail}\nsentence:", text


def _words(name: str) -> str:
    """`birthPlace` as "birth place"."""
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name).strip()
