"""Sentences and typed mentions of raw texts, found by a model of spaCy."""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import spacy
from spacy.util import is_package

from relseed.extraction.documents import Document
from relseed.extraction.settings import Extract
from relseed.pipeline.errors import UserError
from relseed.tasks.relation import Mention
from relseed.tasks.relation.passages import Span

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Span as Tokens

# spaCy takes texts of limited length, in memory that grows with it: it gets a paragraph at a time, up to a blank line.
# What is longer is cut after a line or a sentence, else at a blank, else anywhere.
_LONGEST = 5_000  # characters
_PARAGRAPH = re.compile(
    rf".{{1,{_LONGEST}}}?(?:\n\s*\n|\Z)|.{{1,{_LONGEST}}}(?:\n|(?<=[.!?])\s)|.{{1,{_LONGEST}}}\s|.{{1,{_LONGEST}}}",
    re.DOTALL,
)
_AT_ONCE = 32  # paragraphs


def find_mentions(texts: Sequence[str], settings: Extract) -> list[Document]:
    """The sentences of each text, and the mentions in them that have one of `settings.types`.

    A mention is without the article that it begins with and the possessive ending that it ends with, where the model
    knows such words.

    Raises:
        UserError: There is no such model, it finds no entities, or none of its labels is in `settings.types`.
    """
    nlp = _load(settings.model)
    _check_labels(nlp, settings)
    sentences: list[list[Span]] = [[] for _ in texts]
    mentions: list[list[Mention]] = [[] for _ in texts]
    with nlp.memory_zone():  # else all words that were ever met stay in memory
        for doc, (number, start) in nlp.pipe(_paragraphs(texts), as_tuples=True, batch_size=_AT_ONCE):
            for sentence in doc.sents:
                if span := _span(sentence, start):
                    sentences[number].append(span)
                    mentions[number] += _mentions(sentence, start, settings.types)
    return [
        Document(text=text, sentences=tuple(sentences[number]), mentions=tuple(mentions[number]))
        for number, text in enumerate(texts)
    ]


def _paragraphs(texts: Sequence[str]) -> Iterator[tuple[str, tuple[int, int]]]:
    """Each paragraph with the number of its text and its start in there."""
    for number, text in enumerate(texts):
        for found in _PARAGRAPH.finditer(text):
            if paragraph := found.group().rstrip():
                yield paragraph, (number, found.start())


def _mentions(sentence: "Tokens", start: int, types: Mapping[str, str]) -> Iterator[Mention]:
    """The mentions in a sentence of a paragraph that begins at `start`; spaCy lists none that ends outside of it."""
    for entity in sentence.ents:
        if entity.label_ in types and (span := _span(_bare(entity), start)):
            yield Mention(start=span.start, end=span.end, type=types[entity.label_])


def _bare(entity: "Tokens") -> "Tokens":
    """Without article and possessive ending, which examples seldom mark; the article of a name is written large."""
    while len(entity) > 1 and entity[0].pos_ == "DET" and entity[0].is_lower:
        entity = entity[1:]
    while len(entity) > 1 and entity[-1].pos_ == "PART":
        entity = entity[:-1]
    return entity


def _span(tokens: "Tokens", start: int) -> Span | None:
    """Where tokens are in the text, without blanks at their ends; None if there is nothing else."""
    words = tokens.text
    if not words.strip():
        return None
    first = start + tokens.start_char + len(words) - len(words.lstrip())
    return Span(start=first, end=first + len(words.strip()))


@lru_cache(maxsize=1)
def _load(model: str) -> "Language":
    if not is_package(model) and not Path(model).exists():
        raise UserError(f"there is no spaCy model {model}: {_cure(model)}")
    try:
        nlp = spacy.load(model)
    except (ImportError, OSError, ValueError) as error:  # a part is missing, or it was made for another version
        raise UserError(f"spaCy cannot load the model {model} ({error}): install it again") from None
    if not {"doc.sents", "token.is_sent_start"} & {what for name in nlp.pipe_names for what in _assigned(nlp, name)}:
        nlp.add_pipe("sentencizer", first=True)
    return nlp


def _cure(model: str) -> str:
    if Path(model).name != model:
        return "give the name of an installed package, or the path of a folder"
    release = f"{model}-{'.'.join(spacy.__version__.split('.')[:2])}.0"
    url = f"https://github.com/explosion/spacy-models/releases/download/{release}/{release}-py3-none-any.whl"
    return f"`pip install {url}` if it is one of spaCy's own, else `pip install {model.replace('_', '-')}`"


def _check_labels(nlp: "Language", settings: Extract) -> None:
    finders = [name for name in nlp.pipe_names if "doc.ents" in _assigned(nlp, name)]
    if not finders:
        raise UserError(f"the spaCy model {settings.model} finds no entities, it has {', '.join(nlp.pipe_names)}")
    labels = {label for name in finders for label in getattr(nlp.get_pipe(name), "labels", ())}
    if labels and not labels & set(settings.types):
        raise UserError(
            f"extract.types names no label of the spaCy model {settings.model}: map some of {', '.join(sorted(labels))}"
        )


def _assigned(nlp: "Language", component: str) -> list[str]:
    """What a component says that it finds."""
    return list(nlp.get_pipe_meta(component).assigns)
