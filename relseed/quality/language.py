"""What language and script a text is in."""

import re
import unicodedata
from functools import cache

_SURE = 0.5  # probability
# First words of the Unicode names of letters that are written without blanks between words.
_UNSPACED = {"CJK", "HIRAGANA", "KATAKANA", "BOPOMOFO", "THAI", "LAO", "KHMER", "MYANMAR"}


@cache
def _identifier():  # type: ignore[no-untyped-def]
    # Imported late: the model is loaded, which most stages that import checks don't need.
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def language_of(text: str) -> str | None:
    """The ISO 639-1 code of a text's language, None where the identifier is not sure of any."""
    language, probability = _identifier().classify(text)
    return language if probability >= _SURE else None


def scripts(text: str) -> list[str]:
    """The script of each letter of a text, as the first word of its Unicode name: LATIN, CYRILLIC, CJK."""
    return [unicodedata.name(letter, "UNKNOWN").split()[0] for letter in text if letter.isalpha()]


def inside_word(text: str, place: int) -> bool:
    """Whether `place`, an offset, parts two letters or digits of one word, where words are set apart by blanks."""
    around = text[max(0, place - 1) : place + 1]
    return bool(place and re.fullmatch(r"\w\w", around)) and not any(map(_unspaced, around))


def length(text: str) -> int:
    """How many words a text has; each letter counts as one where words are written without blanks between them."""
    spaced = "".join(f" {letter} " if _unspaced(letter) else letter for letter in text)
    return len(spaced.split())


def _unspaced(letter: str) -> bool:
    return letter.isalpha() and unicodedata.name(letter, "").split(" ")[0] in _UNSPACED
