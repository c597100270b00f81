"""Same texts and near-duplicates, in one list and between lists of examples.

Texts are compared as sets of word trigrams by Jaccard similarity, letter case and punctuation aside. MinHash with
locality-sensitive hashing (Broder 1997; Indyk and Motwani 1998) proposes pairs, and each is then compared exactly:
whatever is listed is right, and a pair at the threshold is missed less than once in ten thousand (from 0.07 up).
"""

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import Any

from datasketch import MinHash
from pydantic import Field

from relseed.pipeline.params import Section

SHINGLE = 3
PERMUTATIONS = 128
MISSED = 1e-4
_EMPTY = MinHash(num_perm=PERMUTATIONS)  # copied, as its random numbers are slow to draw
_REMEMBERED = 8  # texts last read: rules ask several times about one


class Contamination(Section):
    """What counts as a text that is in two splits."""

    near_duplicate: float = Field(gt=0, le=1)  # Jaccard similarity of word trigrams


@dataclass(frozen=True, slots=True)
class Match:
    """The text of a list that is most like a given one: its index, their similarity, whether they are the same."""

    index: int
    similarity: float
    same: bool


@dataclass(frozen=True, slots=True)
class SimilarPair:
    """An example of the first list (id) and the example of the second that is most like it."""

    first: str
    second: str
    similarity: float
    same: bool


@dataclass(frozen=True, slots=True)
class Overlap:
    """What two lists of examples share: one pair for each example of the first that the second repeats."""

    first: str
    second: str
    pairs: tuple[SimilarPair, ...]

    @property
    def same(self) -> int:
        """How many examples of the first list have their text in the second."""
        return sum(pair.same for pair in self.pairs)

    @property
    def near(self) -> int:
        """How many more have a near-duplicate there."""
        return len(self.pairs) - self.same

    def summary(self) -> str:
        """The finding in words, a line for each pair."""
        found = f"{self.first} in {self.second}: {self.same} same texts, {self.near} near-duplicates"
        return "\n".join([found, *(f"  {pair.first} ~ {pair.second} ({pair.similarity:.2f})" for pair in self.pairs)])


def overlaps(lists: Mapping[str, Sequence[Any]], text: Callable[[Any], str], *, threshold: float) -> list[Overlap]:
    """Compare every two of the named lists of examples by their `text`, in the order given.

    Raises:
        ValueError: `threshold` is not above 0 and at most 1.
    """
    return [_overlap(first, second, lists, text, threshold) for first, second in combinations(lists, 2)]


class _Band:
    """Which texts have which value in one band of their sketches: the last, and before each the one before it."""

    def __init__(self) -> None:
        self._last: dict[bytes, int] = {}
        self._before: dict[int, int] = {}

    def add(self, value: bytes, number: int) -> None:
        if (before := self._last.get(value)) is not None:
            self._before[number] = before
        self._last[value] = number

    def having(self, value: bytes) -> Iterator[int]:
        number = self._last.get(value)
        while number is not None:
            yield number
            number = self._before.get(number)


@dataclass(frozen=True, slots=True)
class _Read:
    words: str
    shingles: frozenset[str]
    bands: tuple[bytes, ...]  # of its sketch: texts that share one are compared


class Index:
    """Texts to compare others with, one added after another."""

    def __init__(self, threshold: float) -> None:
        """Find texts from a Jaccard similarity of word trigrams of `threshold` on.

        Raises:
            ValueError: `threshold` is not above 0 and at most 1.
        """
        if not 0 < threshold <= 1:
            raise ValueError(f"threshold {threshold} is not above 0 and at most 1")
        self._threshold, self._sizes = threshold, _bands(threshold)
        self._first_with: dict[str, int] = {}
        self._shingles: list[frozenset[str]] = []
        self._bands = [_Band() for _ in range(self._sizes[0])]

    def add(self, text: str) -> None:
        """Make a text known under the next number, from 0."""
        number, read = len(self._shingles), _read(text, *self._sizes)
        self._first_with.setdefault(read.words, number)
        for band, value in zip(self._bands, read.bands, strict=True):
            band.add(value, number)
        self._shingles.append(read.shingles)

    def nearest(self, text: str) -> Match | None:
        """The known text that is most like `text` (the earliest of equals), or None where all are below the threshold.

        A same text comes before any other. A text of fewer than three words is like no text but the same.
        """
        read = _read(text, *self._sizes)
        if (first := self._first_with.get(read.words)) is not None:
            return Match(first, 1.0, same=True)
        mine = read.shingles
        pairs = zip(self._bands, read.bands, strict=True)
        proposed = sorted({number for band, value in pairs for number in band.having(value)})
        matches = (Match(number, _jaccard(mine, self._shingles[number]), same=False) for number in proposed)
        close = [match for match in matches if match.similarity >= self._threshold]
        return max(close, key=lambda match: match.similarity, default=None)


def nearest(texts: Sequence[str], among: Sequence[str], *, threshold: float) -> list[Match | None]:
    """For each text, the most similar one of `among`, as `Index.nearest` finds it.

    Args:
        texts: The texts to look up.
        among: The texts to look them up in.
        threshold: The least Jaccard similarity of word trigrams, above 0 and at most 1.

    Raises:
        ValueError: `threshold` is out of range.
    """
    index = Index(threshold)
    for text in among:
        index.add(text)
    return [index.nearest(text) for text in texts]


def similarity(first: str, second: str) -> float:
    """The Jaccard similarity of two texts' word trigrams, from 0 to 1."""
    return _jaccard(_shingles(normalise(first)), _shingles(normalise(second)))


def normalise(text: str) -> str:
    """The words of a text in lower case, one blank between two; a text without any word stays as it is."""
    words = re.sub(r"[\W_]+", " ", unicodedata.normalize("NFKC", text).casefold()).strip()
    return words or text


def _overlap(
    first: str, second: str, lists: Mapping[str, Sequence[Any]], text: Callable[[Any], str], threshold: float
) -> Overlap:
    matches = nearest(list(map(text, lists[first])), list(map(text, lists[second])), threshold=threshold)
    pairs = (
        SimilarPair(example.id, lists[second][match.index].id, match.similarity, match.same)
        for example, match in zip(lists[first], matches, strict=True)
        if match is not None
    )
    return Overlap(first, second, tuple(pairs))


def _shingles(text: str) -> frozenset[str]:
    words = text.split(" ")
    return frozenset(" ".join(words[start : start + SHINGLE]) for start in range(max(1, len(words) - SHINGLE + 1)))


@lru_cache(_REMEMBERED)
def _read(text: str, bands: int, rows: int) -> _Read:
    shingles = _shingles(words := normalise(text))
    sketch = _EMPTY.copy()
    sketch.update_batch([shingle.encode() for shingle in shingles])
    whole = sketch.hashvalues[: bands * rows].tobytes()
    width = len(whole) // bands
    return _Read(words, shingles, tuple(whole[at : at + width] for at in range(0, len(whole), width)))


def _bands(threshold: float) -> tuple[int, int]:
    """The longest bands, so the fewest false candidates, that miss a pair at the threshold less than `MISSED`."""
    for rows in range(PERMUTATIONS // 2, 1, -1):
        bands = PERMUTATIONS // rows
        if (1 - threshold**rows) ** bands < MISSED:
            return bands, rows
    return PERMUTATIONS, 1


def _jaccard(first: frozenset[str], second: frozenset[str]) -> float:
    shared = len(first & second)
    return shared / (len(first) + len(second) - shared)
