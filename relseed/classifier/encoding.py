"""From texts to what the model reads: token ids, and the positions of the tokens that the head reads."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from transformers import BatchEncoding, PreTrainedTokenizerBase

from relseed.classifier.losses.targets import Targets

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Input:
    """An example as a head shows it to the encoder.

    Attributes:
        text: The text.
        second: The second text, if there is one.
        anchors: Character offsets of what the head reads, in `second` if `in_second`; none: the first token.
        keep: The characters of the text that must stay when it is too long: it is cut on both sides of them. None: the
            end is cut, of the second text if there is one.
    """

    text: str
    second: str | None = None
    anchors: tuple[int, ...] = ()
    in_second: bool = False
    keep: Span | None = None


@dataclass(frozen=True, slots=True)
class Encoded:
    """An input as token ids, and the positions of the tokens that the head reads."""

    ids: list[int]
    positions: list[int]


@dataclass(frozen=True, slots=True)
class EncodedDataset:
    """Encoded examples and their class numbers, of equal length."""

    examples: Sequence[Encoded] = field(default_factory=list)
    classes: Sequence[int] = field(default_factory=list)
    about: Sequence[int] = field(default_factory=list)  # of the labels that they speak of, stated or not; -1: of none

    def targets(self, indices: Sequence[int], device: torch.device) -> Targets:
        """What the examples at these places should be labelled."""
        classes, about = (
            torch.tensor([numbers[index] for index in indices], device=device) for numbers in (self.classes, self.about)
        )
        return Targets(classes, about)


def unread_share(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> float:
    """The share of letters and digits that a tokenizer does not know, 0 to 1: in unknown tokens, or as mere bytes."""
    unread = every = 0
    for text in texts:
        encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
        tokens = list(zip(encoded["input_ids"], encoded["offset_mapping"], strict=True))
        pieces = Counter(start for _, (start, end) in tokens if end - start == 1)
        unknown = {at for id, span in tokens if id == tokenizer.unk_token_id for at in range(*span)}
        letters = [at for at, character in enumerate(text) if character.isalnum()]
        unread += sum(at in unknown or pieces[at] > 1 for at in letters)
        every += len(letters)
    return unread / max(1, every)


def encode_all(tokenizer: PreTrainedTokenizerBase, inputs: Sequence[Input], max_length: int) -> list[Encoded]:
    """Tokenize inputs; what is too long is cut to `max_length` tokens.

    Raises:
        ValueError: What must stay of a text is longer than that; the message begins with the number of its input.
    """
    encoded: dict[int, Encoded] = {}
    singles = [number for number, shown in enumerate(inputs) if shown.second is None]
    pairs = [number for number, shown in enumerate(inputs) if shown.second is not None]
    for numbers in filter(None, (singles, pairs)):  # apart: tokenizers take a single text among pairs for a pair
        batch = _tokenized(tokenizer, [inputs[number] for number in numbers])
        for place, number in enumerate(numbers):
            if len(batch["input_ids"][place]) <= max_length:
                encoded[number] = _encoded(batch, place, inputs[number])
                continue
            try:
                encoded[number] = _cut(tokenizer, inputs[number], max_length)
            except ValueError as error:
                raise ValueError(f"{number}: {error}") from None
    return [encoded[number] for number in range(len(inputs))]


def _tokenized(tokenizer: PreTrainedTokenizerBase, inputs: Sequence[Input], **options: object) -> BatchEncoding:
    texts = [item.text for item in inputs]
    second = None if inputs[0].second is None else [item.second for item in inputs]
    return tokenizer(texts, second, return_offsets_mapping=True, verbose=False, **options)


def _encoded(batch: BatchEncoding, number: int, item: Input) -> Encoded:
    positions = [batch.char_to_token(number, anchor, sequence_index=int(item.in_second)) for anchor in item.anchors]
    return Encoded(batch["input_ids"][number], positions or [0])


def _cut(tokenizer: PreTrainedTokenizerBase, item: Input, max_length: int) -> Encoded:
    if item.keep is None:
        if item.second is not None:
            _check_room(tokenizer, item.text, max_length)
        which = "only_first" if item.second is None else "only_second"
        return _encoded(_tokenized(tokenizer, [item], truncation=which, max_length=max_length), 0, item)
    batch = _tokenized(tokenizer, [item])
    surplus = len(batch["input_ids"][0]) - max_length
    if surplus <= 0:
        return _encoded(batch, 0, item)
    parts = batch.sequence_ids(0)  # None for special tokens
    spans = [span for span, part in zip(batch["offset_mapping"][0], parts, strict=True) if part == 0]
    start, end = _window(item.keep, spans, surplus)
    shift = 0 if item.in_second else start
    anchors = tuple(anchor - shift for anchor in item.anchors)
    keep = (item.keep[0] - start, item.keep[1] - start)
    return _cut(tokenizer, Input(item.text[start:end], item.second, anchors, item.in_second, keep), max_length)


def _check_room(tokenizer: PreTrainedTokenizerBase, text: str, max_length: int) -> None:
    """Make sure that a token of a second text has room beside the first, which is not cut."""
    surplus = len(tokenizer([text], [""], verbose=False)["input_ids"][0]) + 1 - max_length
    if surplus > 0:
        raise ValueError(
            f"its first text is {surplus} tokens too long to leave room for the second in max_length: raise it as far "
            "as the encoder goes, or leave the example out"
        )


def _window(keep: Span, spans: Sequence[Span], surplus: int) -> Span:
    """What is left of a text without `surplus` of the tokens that have `spans`, cut evenly on both sides of `keep`."""
    before = sum(end <= keep[0] for _, end in spans)
    after = sum(start >= keep[1] for start, _ in spans)
    if before + after < surplus:
        raise ValueError(
            f"the mentions are {surplus - before - after} tokens too far apart for max_length: raise it as far as the "
            "encoder goes, or leave the example out"
        )
    left = min(before, max(surplus // 2, surplus - after))
    first, last = left, len(spans) - 1 - (surplus - left)
    # Tokens of one byte share the span of their character: it is cut off whole.
    while first > 0 and spans[first][0] < spans[first - 1][1]:
        first += 1
    while last + 1 < len(spans) and spans[last][1] > spans[last + 1][0]:
        last -= 1
    return spans[first][0], spans[last][1]
