"""Pairs of names, whichever comes first, as digests: what is written may keep off the test set without reading it."""

import hashlib
from collections.abc import Iterable

from relseed.quality.duplicates import normalise
from relseed.tasks.relation import Sentence


def digest_of(first: str, second: str) -> str:
    """Sixteen hexadecimal digits of two names, letter case and punctuation aside."""
    names = "\n".join(sorted((normalise(first), normalise(second))))
    return hashlib.blake2b(names.encode(), digest_size=8).hexdigest()


def digests_of(sentences: Iterable[Sentence]) -> list[str]:
    """The digests of the pairs of names in sentences, sorted, each once."""
    return sorted({digest_of(each.head.text_of(each.text), each.tail.text_of(each.text)) for each in sentences})
