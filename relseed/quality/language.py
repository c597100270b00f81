"""What language and script a text is in, and what a word is in it."""

import re
from functools import cache

from fontTools import unicodedata

_SURE = 0.5  # probability
_UNSPACED = {"Han", "Hiragana", "Katakana", "Bopomofo", "Thai", "Lao", "Khmer", "Myanmar"}  # no blanks between words
_OF_NO_SCRIPT = {"Common", "Inherited"}  # what many scripts use


@cache
def _identifier():  # type: ignore[no-untyped-def]
    # Imported late: the model is loaded, which most of those that import the rules don't need.
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def language_of(text: str) -> str | None:
    """The ISO 639-1 code of a text's language, None where the identifier is not sure of any."""
    language, probability = _identifier().classify(text)
    return language if probability >= _SURE else None


def scripts(text: str) -> list[str]:
    """The script of each letter of a text that has one, by its name in Unicode: Latin, Cyrillic, Han."""
    found = [_script(letter) for letter in text if letter.isalpha()]
    return [script for script in found if script not in _OF_NO_SCRIPT]


@cache
def _script(letter: str) -> str:
    return unicodedata.script_name(unicodedata.script(letter))


def inside_word(text: str, place: int) -> bool:
    """Whether `place`, an offset, parts two letters or digits of one word, where words are set apart by blanks."""
    around = text[max(0, place - 1) : place + 1]
    return bool(place and re.fullmatch(r"\w\w", around)) and not any(map(_unspaced, around))


def length(text: str) -> int:
    """How many words a text has; each letter counts as one where words are written without blanks between them."""
    letters = (letter for letter in text if not unicodedata.category(letter).startswith("M"))  # no vowel signs
    spaced = "".join(f" {letter} " if _unspaced(letter) else letter for letter in letters)
    return len(spaced.split())


@cache
def _unspaced(letter: str) -> bool:
    used_by = map(unicodedata.script_name, unicodedata.script_extension(letter))
    return letter.isalpha() and not _UNSPACED.isdisjoint(used_by)
