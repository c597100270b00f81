"""Extractors on disk: safetensors and JSON that plain transformers calls can load."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from transformers import PreTrainedTokenizerBase

from relseed.classifier.heads import Head, HeadName, InfillingHead, MarkerHead
from relseed.classifier.marking import Encoded, Labelled, encode, mark, prompt
from relseed.classifier.model import RelationClassifier
from relseed.pipeline.errors import UserError
from relseed.pipeline.templates import render
from relseed.records.files import write_records
from relseed.tasks.relation import Example, Schema, Sentence
from relseed.tasks.relation.files import read_schema
from relseed.training.device import Precision
from relseed.training.encoders import load_encoder, load_tokenizer

_CARD = Path(__file__).with_name("model_card.md.jinja")
_ABOUT = "extractor.json"
PRETRAINING = "pretraining.json"  # history of the pre-training of the encoder, where it had one


@dataclass(frozen=True, slots=True)
class About:
    """What a checkpoint was made from and how sentences are shown to it."""

    encoder: str  # that all training started from
    head: HeadName
    pretrained: bool  # whether it was pre-trained on explanations before
    max_length: int  # tokens
    typed: bool  # whether the markers carry entity types
    precision: Precision  # of the matrix products, in training as in prediction


@dataclass(frozen=True, slots=True)
class Extractor:
    """A relation classifier with what is needed to apply it."""

    model: RelationClassifier
    tokenizer: PreTrainedTokenizerBase
    schema: Schema
    about: About

    @property
    def pad(self) -> int:
        """The id of the padding token."""
        return self.tokenizer.pad_token_id

    def encode(self, sentence: Sentence) -> Encoded:
        """Mark, prompt and tokenize a sentence as the extractor was trained to see it.

        Raises:
            UserError: The mentions lie further apart than `max_length`.
        """
        typed, mask, head = self.about.typed, self.tokenizer.mask_token, self.model.head
        asked = None
        if isinstance(head, InfillingHead):
            asked = prompt(sentence, typed=typed, places=head.places, mask=mask)
        try:
            return encode(self.tokenizer, mark(sentence, typed=typed), self.about.max_length, asked)
        except ValueError as error:
            raise UserError(f"sentence {sentence.id or repr(sentence.text[:60])}: {error}") from None

    def labelled(self, examples: Sequence[Example]) -> Labelled:
        """Examples as training and scoring want them: encoded, with their relations' class numbers.

        Raises:
            UserError: The mentions of one lie further apart than `max_length`.
        """
        classes = [self.schema.labels.index(example.relation) for example in examples]
        return Labelled([self.encode(example) for example in examples], classes)


def save_extractor(extractor: Extractor, folder: Path) -> None:
    """Write an extractor and its model card into an existing, empty `folder`."""
    extractor.model.encoder.save_pretrained(folder)
    extractor.tokenizer.save_pretrained(folder)
    save_file(
        {name: weight.detach().cpu().contiguous() for name, weight in extractor.model.head.state_dict().items()},
        folder / "head.safetensors",
    )
    write_records(folder / "relations.jsonl", extractor.schema.relations)
    (folder / _ABOUT).write_text(json.dumps(asdict(extractor.about), indent=2) + "\n", encoding="utf-8")
    card = render(_CARD, about=extractor.about, schema=extractor.schema)
    (folder / "README.md").write_text(card + "\n", encoding="utf-8")


def load_extractor(folder: Path, device: torch.device) -> Extractor:
    """Load an extractor for inference.

    Raises:
        UserError: There is no complete extractor in `folder`.
    """
    if not (folder / _ABOUT).is_file():
        found = [*folder.glob(f"*/{_ABOUT}"), *folder.parent.glob(f"*/{_ABOUT}")]
        there = ", ".join(sorted(str(path.parent) for path in found))
        cure = f"there is {there}" if there else "build one with `dvc repro finetune@gold`, or pull it (`dvc pull`)"
        raise UserError(f"{folder} holds no extractor: {cure}")
    try:
        extractor = _load(folder)
    except (OSError, RuntimeError, SafetensorError, TypeError, ValueError) as error:
        raise UserError(f"{folder} holds no complete extractor of this version ({error}): build it again") from error
    extractor.model.to(device).eval()
    return extractor


def _load(folder: Path) -> Extractor:
    schema = read_schema(folder / "relations.jsonl")
    about = About(**json.loads((folder / _ABOUT).read_text(encoding="utf-8")))
    encoder, state = load_encoder(str(folder)), load_file(folder / "head.safetensors")
    head: Head
    if about.head == "genpt":
        head = InfillingHead.from_state(encoder.config, state)
    else:
        head = MarkerHead(encoder.config.hidden_size, len(schema.labels))
        head.load_state_dict(state)
    return Extractor(RelationClassifier(encoder, head), load_tokenizer(str(folder)), schema, about)
