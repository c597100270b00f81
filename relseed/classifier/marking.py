"""Input marking: how the two mentions are shown to the encoder.

Zhou and Chen 2022, "An Improved Baseline for Sentence-level Relation Extraction", section 3.1:
`typed entity marker (punct)` where the mentions have types, `entity marker (punct)` where they do not.
Both use punctuation that every vocabulary holds, so no token has to be learnt from eight sentences.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from transformers import PreTrainedTokenizerBase

from relseed.tasks.relation import Mention, Sentence


@dataclass(frozen=True, slots=True)
class Marked:
    """A marked text; character offsets of the two start markers and of the end of the last end marker."""

    text: str
    head: int
    tail: int
    end: int


@dataclass(frozen=True, slots=True)
class Prompt:
    """A text to be completed; character offsets of its hidden places."""

    text: str
    places: list[int]


@dataclass(frozen=True, slots=True)
class Encoded:
    """A marked sentence, with its prompt if it has one, as token ids; the token positions that the head reads."""

    ids: list[int]
    at: list[int]  # of the two start markers, or of the hidden places of the prompt


@dataclass(frozen=True, slots=True)
class Labelled:
    """Encoded sentences and their class numbers, of equal length."""

    sentences: Sequence[Encoded]
    classes: Sequence[int]


def has_types(sentences: Sequence[Sentence]) -> bool:
    """Whether any mention of any sentence has an entity type."""
    return any(mention.type is not None for sentence in sentences for mention in (sentence.head, sentence.tail))


def untyped(sentences: Sequence[Sentence]) -> int:
    """How many sentences have a mention without an entity type."""
    return sum(None in (sentence.head.type, sentence.tail.type) for sentence in sentences)


def mark(sentence: Sentence, *, typed: bool) -> Marked:
    """Put `@ * type * head @` and `# ^ type ^ tail #` into the text.

    A mention without a type, and every mention where `typed` is false, gets bare markers: `@ head @`, `# tail #`.
    """
    marks = [("head", sentence.head, "@", "*"), ("tail", sentence.tail, "#", "^")]
    text, position, starts = "", 0, {}
    for role, mention, outer, inner in sorted(marks, key=lambda entry: entry[1].start):
        text = _spaced(text + sentence.text[position : mention.start])
        starts[role] = len(text)
        label = f"{inner} {_words(mention.type)} {inner} " if typed and mention.type else ""
        text += f"{outer} {label}{mention.within(sentence.text)} {outer}"
        position = mention.end
    end = len(text)
    return Marked(_spaced(text) + sentence.text[position:].removeprefix(" "), end=end, **starts)


def prompt(sentence: Sentence, *, typed: bool, places: int, mask: str) -> Prompt:
    """The prompt of GenPT: `person Ada [MASK] [MASK] city Skagen`, with `places` times the token `mask`.

    Han et al. 2022, figure 2, with words in place of learnt prompt tokens, and types given, not to be told.
    """
    text = f"{_named(sentence, sentence.head, typed)} "
    starts = [len(text) + at * (len(mask) + 1) for at in range(places)]
    return Prompt(f"{text}{f'{mask} ' * places}{_named(sentence, sentence.tail, typed)}", starts)


def _named(sentence: Sentence, mention: Mention, typed: bool) -> str:
    words = mention.within(sentence.text)
    return f"{_words(mention.type)} {words}" if typed and mention.type else words


def _words(entity_type: str) -> str:
    return entity_type.replace("_", " ").lower()


def _spaced(text: str) -> str:
    # A marker is a word of its own even where the mention begins or ends inside one.
    return text if not text or text.endswith(" ") else f"{text} "


def encode(
    tokenizer: PreTrainedTokenizerBase, marked: Marked, max_length: int, prompt: Prompt | None = None
) -> Encoded:
    """Tokenize a marked text, and its prompt after it, and find what the head reads by offset mapping.

    A text of more than `max_length` tokens (specials and prompt included) is cut to a window around the mentions.

    Raises:
        ValueError: The mentions lie further apart than the window is long.
    """
    batch = tokenizer(marked.text, prompt.text if prompt else None, return_offsets_mapping=True, verbose=False)
    ids = batch["input_ids"]
    if len(ids) > max_length:
        parts = batch.sequence_ids()  # None for special tokens
        spans = [span for span, part in zip(batch["offset_mapping"], parts, strict=True) if part == 0]
        return encode(tokenizer, _window(marked, spans, len(ids) - max_length), max_length, prompt)
    if prompt:
        return Encoded(ids, [batch.char_to_token(place, sequence_index=1) for place in prompt.places])
    return Encoded(ids, [batch.char_to_token(marker) for marker in (marked.head, marked.tail)])


def _window(marked: Marked, spans: list[tuple[int, int]], surplus: int) -> Marked:
    """Cut `surplus` of the tokens that have `spans` off the two ends, evenly as far as the markers allow."""
    before = sum(end <= min(marked.head, marked.tail) for _, end in spans)
    after = sum(start >= marked.end for start, _ in spans)
    if before + after < surplus:
        raise ValueError(
            f"the mentions lie {surplus - before - after} tokens too far apart for finetune.max_length: "
            "raise it as far as the encoder goes, or leave the sentence out"
        )
    left = min(before, max(surplus // 2, surplus - after))
    first, last = left, len(spans) - 1 - (surplus - left)
    # Tokens of one byte share the span of their character: it is cut off whole.
    while first > 0 and spans[first][0] < spans[first - 1][1]:
        first += 1
    while last + 1 < len(spans) and spans[last][1] > spans[last + 1][0]:
        last -= 1
    start, end = spans[first][0], spans[last][1]
    return Marked(marked.text[start:end], marked.head - start, marked.tail - start, marked.end - start)
