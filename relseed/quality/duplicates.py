"""Same texts and near-duplicates, in one list and between lists of examples.

Texts are compared as sets of word trigrams (shingles) by Jaccard similarity, letter case and punctuation aside. An
inverted index finds every pair from the threshold on: each shingle has a posting, the texts that hold it. What reaches
the threshold lacks few shingles of a text, so it is in two of its few shortest postings; longer ones are not looked
into. That is the prefix filter of Chaudhuri, Ganti and Kaushik (2006) and of Bayardo, Ma and Srikant (2007), with two
shared shingles as in Wang, Li and Feng (2012), and with an order of shingles that each look-up takes from the postings'
lengths: all shingles of known texts are indexed, so no order need hold for all. Texts that are much shorter or longer
are left out (Arasu, Ganti and Kaushik 2006), and what remains is compared exactly.
"""

import unicodedata
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import Any

from pydantic import Field

from relseed.pipeline.params import Section
from relseed.quality.language import words

SHINGLE = 3
_32_BITS = 0xFFFFFFFF  # of a hash: shingles that share one propose a text too many, never one too few
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


@dataclass(frozen=True, slots=True)
class _Read:
    words: str
    shingles: frozenset[str]
    hashes: "array[int]"  # one of each shingle


class Index:
    """Texts to compare others with, one added after another."""

    def __init__(self, threshold: float) -> None:
        """Find texts from a Jaccard similarity of word trigrams of `threshold` on.

        Raises:
            ValueError: `threshold` is not above 0 and at most 1.
        """
        if not 0 < threshold <= 1:
            raise ValueError(f"threshold {threshold} is not above 0 and at most 1")
        self._threshold = threshold
        self._first_with: dict[str, int] = {}
        self._words: list[str] = []
        self._hashes: list[array[int]] = []
        self._sizes: set[int] = set()
        self._postings: dict[int, int | array[int]] = {}  # most are of one text, for which an array would be large

    def add(self, text: str) -> None:
        """Make a text known under the next number, from 0."""
        number, read = len(self._words), _read(text)
        first = self._first_with.setdefault(read.words, number)
        if first < number:  # the first of same texts is always the one that is found
            self._words.append(self._words[first])
            self._hashes.append(self._hashes[first])
            return
        self._words.append(read.words)
        self._hashes.append(read.hashes)
        self._sizes.add(len(read.hashes))
        for value in read.hashes:
            posting = self._postings.setdefault(value, number)
            if not isinstance(posting, int):
                posting.append(number)
            elif posting < number:
                self._postings[value] = array("I", (posting, number))

    def nearest(self, text: str) -> Match | None:
        """The known text that is most like `text` (the earliest of equals), or None where all are below the threshold.

        A same text comes before any other. A text of fewer than three words is like no text but the same.
        """
        return max(self._matches(text), key=lambda match: (match.similarity, -match.index), default=None)

    def has_like(self, text: str) -> bool:
        """Whether `nearest` finds any; takes less, as it ends with the first."""
        return any(True for _ in self._matches(text))

    def _matches(self, text: str) -> Iterator[Match]:
        """The first same text alone, or else all near-duplicates, in no order."""
        read = _read(text)
        if (first := self._first_with.get(read.words)) is not None:
            yield Match(first, 1.0, same=True)
            return
        hashes, size = set(read.hashes), len(read.hashes)
        for number in self._proposed(read.hashes):
            other = self._hashes[number]
            if _ratio(sum(map(hashes.__contains__, other)), size, len(other)) >= self._threshold:
                found = _jaccard(read.shingles, _shingles(self._words[number]))
                if found >= self._threshold:
                    yield Match(number, found, same=False)

    def _proposed(self, hashes: "array[int]") -> Iterator[int]:
        """The numbers of texts that may reach the threshold, each once."""
        size, seen = len(hashes), set()
        for shared, numbers in self._prefix(hashes):
            for number in numbers:
                if number not in seen and _most(shared, size, len(self._hashes[number])) >= self._threshold:
                    seen.add(number)
                    yield number

    def _prefix(self, hashes: "array[int]") -> Iterator[tuple[int, Iterable[int]]]:
        """Of each posting, the shortest first, the texts that one before it holds too, and how much they share at most.

        That much is one shingle of the postings before and all from here on, as others were given earlier. Where
        sharing one can be enough for the threshold, all texts of a posting are given.
        """
        found = [posting for posting in map(self._postings.get, hashes) if posting is not None]
        postings = sorted([(posting,) if isinstance(posting, int) else posting for posting in found], key=len)
        size, one_is_enough = len(hashes), 1 / len(hashes) >= self._threshold
        smallest = min(self._sizes, default=0)
        once: set[int] = set()
        before: Iterable[int] = ()
        for passed, posting in enumerate(postings, size - len(postings)):
            shared = size - passed + (not one_is_enough)
            if shared / (size + max(0, smallest - shared)) < self._threshold:
                return
            once.update(before)
            yield shared, posting if one_is_enough else filter(once.__contains__, posting)
            before = posting


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
    """The words of a text in lower case, one blank between two; a text without any word stays as it is.

    Each letter, with its marks, is a word where words are written without blanks: one that differs is one word of many.
    """
    return " ".join(words(unicodedata.normalize("NFKC", text).casefold())) or text


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
    rows = zip(*(words[start:] for start in range(SHINGLE)), strict=False)
    return frozenset(map(" ".join, rows)) or frozenset([text])


@lru_cache(_REMEMBERED)
def _read(text: str) -> _Read:
    shingles = _shingles(words := normalise(text))
    return _Read(words, shingles, array("I", [hash(shingle) & _32_BITS for shingle in shingles]))


def _jaccard(first: frozenset[str], second: frozenset[str]) -> float:
    return _ratio(len(first & second), len(first), len(second))


def _most(shared: int, first: int, second: int) -> float:
    """The most that the similarity of two sets of these sizes can be if they share so many elements at most."""
    return _ratio(min(shared, first, second), first, second)


def _ratio(shared: int, first: int, second: int) -> float:
    return shared / (first + second - shared)
