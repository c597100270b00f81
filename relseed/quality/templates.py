"""Copies in disguise: texts that are alike but for their names and numbers.

A task masks what an example is about, such as its mentions (`Task.masked`). Other names and numbers are exchanged as
easily, so they are masked here, too; two texts whose templates are near-duplicates are masked copies of each other.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import or_

import regex

from relseed.quality.duplicates import Index

MASK = "[MASK]"
_WORD = regex.compile(r"\p{L}[\p{L}\p{M}]*")
# A capital and the letters after it; where no blanks part words, letters without case end it and may stand before it.
_NAME = regex.compile(r"(?<![\p{Lu}\p{Ll}\p{Lt}\p{M}])\p{Lu}[\p{Lu}\p{Ll}\p{Lt}\p{M}]*|\p{N}+")
_IN_A_ROW = regex.compile(r"\[MASK\](?:[\s.'’&-]*\[MASK\])+")


@dataclass(frozen=True, slots=True)
class Copies:
    """How far texts are masked copies of each other."""

    texts: int
    copies: int  # those that are masked copies of another one
    different: int  # those that are a masked copy of none before them

    @property
    def most(self) -> bool:
        """Whether more than half of the texts are masked copies of another one."""
        return 2 * self.copies > self.texts


def template(masked: str) -> str:
    """A masked text with all names and numbers masked: what starts with a capital or is of digits, several as one.

    The first word of a sentence has a capital, too, and counts as a name. Where most words have one, as in titles,
    capitals tell nothing: such a text stays as it is.
    """
    pieces = masked.split(MASK)
    words = [word for piece in pieces for word in _WORD.findall(piece)]
    if 2 * sum(word[0].isupper() for word in words) > len(words):
        return masked
    return _IN_A_ROW.sub(MASK, MASK.join(_NAME.sub(MASK, piece) for piece in pieces))


def masked_copies(masked: Sequence[str], *, threshold: float) -> Copies:
    """How far masked texts are copies of each other: their templates, from a similarity of `threshold` on.

    Raises:
        ValueError: `threshold` is not above 0 and at most 1.
    """
    templates = list(map(template, masked))
    before = list(_repeats(templates, threshold))
    after = reversed(list(_repeats(templates[::-1], threshold)))
    return Copies(len(masked), sum(map(or_, before, after)), before.count(False))


def _repeats(texts: Sequence[str], threshold: float) -> Iterator[bool]:
    """Whether each text is like one before it."""
    index = Index(threshold)
    for text in texts:
        yield index.has_like(text)
        index.add(text)
