"""What may be wrong with a sentence although its form is right."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence

from relseed.quality.language import inside_word, scripts, words
from relseed.tasks.relation import Mention, Schema, Sentence

Seam = tuple[str, str]  # where a mention touches more of its word: its start or its end, and the script there
_USUAL = 0.1  # share of seeds with a seam from which it is the language's own: a particle, a prefix, a case ending
_SLIPS = 1  # seeds with a seam that say nothing, unless they are all


def cut_mention(sentence: Sentence, usual: Collection[Seam] = ()) -> str | None:
    """Whether a mention begins or ends inside a word, in another way than is usual."""
    for role, mention in (("head", sentence.head), ("tail", sentence.tail)):
        if any(seam not in usual for seam in _seams(sentence.text, mention)):
            return f"the {role} {mention.text_of(sentence.text)!r} begins or ends inside a word"
    return None


def usual_seams(sentences: Sequence[Sentence]) -> frozenset[Seam]:
    """Where mentions touch more of their words in a tenth of the sentences or more, and in more than one of several.

    Languages write particles, prepositions and case endings without a blank, and corpora leave them out of mentions.
    """
    found = Counter(
        seam for each in sentences for seam in {*_seams(each.text, each.head), *_seams(each.text, each.tail)}
    )
    least = min(len(sentences), max(_SLIPS + 1, _USUAL * len(sentences)))
    return frozenset(seam for seam, count in found.items() if count >= least)


def _seams(text: str, mention: Mention) -> Iterator[Seam]:
    for edge, place, outside in (("start", mention.start, mention.start - 1), ("end", mention.end, mention.end)):
        if inside_word(text, place):
            yield edge, next(iter(scripts(text[outside])), "")


def utf16_offsets(sentence: Sentence) -> str | None:
    """Whether offsets seem to count UTF-16 units, of which an emoji is two: read so, mentions fit the words better.

    Where no blanks part words, nothing tells the two apart: it is enough that they differ.
    """
    text, mentions = sentence.text, (sentence.head, sentence.tail)
    try:
        others = [_from_utf16(text, mention) for mention in mentions]
    except ValueError:
        return None
    gain = sum(_misfits(text, each) for each in mentions) - sum(_misfits(text, each) for each in others)
    if others == list(mentions) or gain < 0 or (not gain and not any(_without_blanks(text, each) for each in mentions)):
        return None
    named = [
        f"{one.text_of(text)!r} would be {other.text_of(text)!r}" for one, other in zip(mentions, others, strict=True)
    ]
    return " and ".join(named)


def _from_utf16(text: str, mention: Mention) -> Mention:
    """The mention if its offsets count UTF-16 units.

    Raises:
        ValueError: They would part such a character.
    """
    units = text.encode("utf-16-le")
    start, end = (len(units[: 2 * offset].decode("utf-16-le")) for offset in (mention.start, mention.end))
    return mention.model_copy(update={"start": start, "end": end})


def _misfits(text: str, mention: Mention) -> int:
    """How many edges of a mention part a word, or touch no word."""
    parted = sum(inside_word(text, place) for place in (mention.start, mention.end))
    return parted + sum(not words(edge) for edge in (text[mention.start], text[mention.end - 1]))


def _without_blanks(text: str, mention: Mention) -> bool:
    found = mention.text_of(text)
    return len(words(found)) > len(found.split())


def unrelated_types(sentence: Sentence, schema: Schema) -> str | None:
    """Whether the sentence can be of the negative label alone, by the types of its mentions."""
    if schema.relates(sentence.head, sentence.tail):
        return None
    return f"no relation is {sentence.head.type} -> {sentence.tail.type}"
