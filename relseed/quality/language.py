"""What language and script a text is in, and what a word is in it."""

from functools import cache

import regex
from fontTools import unicodedata

_SURE = 0.5  # probability
# Of scripts without blanks between words.
_UNSPACED = {
    *("Han", "Hiragana", "Katakana", "Bopomofo", "Yi", "Thai", "Lao", "Khmer", "Myanmar", "Tibetan"),
    *("Javanese", "Balinese", "Tai Le", "New Tai Lue", "Tai Tham", "Tai Viet"),
}
_IN_WORDS = regex.compile(r"[\p{L}\p{M}\p{N}_]")
_RUN = regex.compile(r"[\p{L}\p{N}][\p{L}\p{M}\p{N}]*")
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
    """Whether `place`, an offset, parts a letter from its marks, or two letters or digits where blanks part words."""
    before, after = text[max(0, place - 1) : place], text[place : place + 1]
    if not (_IN_WORDS.fullmatch(before) and _IN_WORDS.fullmatch(after)):
        return False
    return _is_mark(after) or not (_unspaced(before) or _unspaced(after))


def words(text: str) -> list[str]:
    """The words of a text, without punctuation; each letter, with its marks, is one where no blanks part words."""
    return [word for run in _RUN.findall(text) for word in _parted(run)]


def length(text: str) -> int:
    """How many words a text has; each letter counts as one where words are written without blanks between them."""
    return sum(len(words(piece)) if any(map(_unspaced, piece)) else 1 for piece in text.split())


def letters_apart(text: str) -> str:
    """The text with blanks between letters where no blanks part words: what splits texts at blanks can read it."""
    return _RUN.sub(lambda run: f" {' '.join(_parted(run[0]))} " if any(map(_unspaced, run[0])) else run[0], text)


def _parted(run: str) -> list[str]:
    """A run of letters, marks and digits as words."""
    if run.isascii():
        return [run]
    parts: list[str] = []
    for at, character in enumerate(run):
        begins = _unspaced(character) or (at > 0 and _unspaced(parts[-1][0]))
        if parts and (_is_mark(character) or not begins):
            parts[-1] += character
        else:
            parts.append(character)
    return parts


@cache
def _unspaced(letter: str) -> bool:
    used_by = map(unicodedata.script_name, unicodedata.script_extension(letter))
    return (letter.isalpha() or _is_mark(letter)) and not _UNSPACED.isdisjoint(used_by)


def _is_mark(character: str) -> bool:
    return bool(unicodedata.category(character).startswith("M"))
