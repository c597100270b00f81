"""Extractors on disk: safetensors and JSON that plain transformers calls can load."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import load_file as load_numpy
from safetensors.numpy import save_file as save_numpy
from safetensors.torch import load_file, save_file
from transformers import PreTrainedTokenizerBase

from relseed.classifier.decision import Decision
from relseed.classifier.encoding import Encoded, EncodedDataset, encode_all
from relseed.classifier.losses.targets import NOTHING
from relseed.classifier.model import Classifier
from relseed.pipeline.errors import UserError
from relseed.pipeline.named import load
from relseed.pipeline.templates import render
from relseed.records.files import write_records
from relseed.tasks.task import Task, load_task, read_schema
from relseed.training.device import Precision
from relseed.training.encoders import load_encoder, load_tokenizer

CONFIG = "extractor.json"
_LEARNT = "learnt.safetensors"
PRETRAINING = "pretraining.json"  # history of the pre-training of the encoder, where it had one


@dataclass(frozen=True, slots=True)
class CheckpointConfig:
    """What a checkpoint was made from and how inputs are shown to it."""

    task: str
    encoder: str  # that all training started from
    pretraining: str | None  # what that encoder was pre-trained on before, if on anything
    head: str
    options: dict[str, Any]  # of the head
    loss: str  # a module of relseed.classifier.losses
    max_length: int  # tokens
    precision: Precision  # of the matrix products, in training as in prediction
    decision: Decision = field(default_factory=Decision)


@dataclass(frozen=True, slots=True)
class Extractor:
    """A classifier with what is needed to apply it."""

    model: Classifier
    tokenizer: PreTrainedTokenizerBase
    task: Task
    schema: Any
    config: CheckpointConfig
    learnt: np.ndarray  # what the head reads of the training set, unit vectors [examples, n * h]; empty before training

    @property
    def pad(self) -> int:
        """The id of the padding token."""
        return self.tokenizer.pad_token_id

    @property
    def loss(self) -> ModuleType:
        """The module of the loss."""
        return loss_module(self.config.loss)

    @property
    def head(self) -> ModuleType:
        """The module of the head."""
        return head_module(self.config.head)

    def encode(self, items: Sequence[Any]) -> list[Encoded]:
        """Show items to the encoder as the extractor was trained to see them.

        Raises:
            UserError: What must stay of one is longer than `max_length`.
        """
        options, head = self.config.options, self.model.head
        inputs = [self.head.show(self.task, item, self.tokenizer, head, options) for item in items]
        try:
            return encode_all(self.tokenizer, inputs, self.config.max_length)
        except ValueError as error:
            number, _, problem = str(error).partition(": ")
            item = items[int(number)]
            raise UserError(f"example {item.id or repr(self.task.text(item)[:60])}: {problem}") from None

    def encode_dataset(self, examples: Sequence[Any]) -> EncodedDataset:
        """Examples as training and scoring want them: encoded, with their labels' class numbers.

        Raises:
            UserError: What must stay of one is longer than `max_length`.
        """
        labels, about = self.schema.labels, [self.task.about(example, self.schema) for example in examples]
        return EncodedDataset(
            self.encode(examples),
            [labels.index(example.label) for example in examples],
            [NOTHING if label is None else labels.index(label) for label in about],
        )


def head_module(name: str) -> ModuleType:
    """The module of a head.

    Raises:
        UserError: There is none of this name.
    """
    return load("relseed.classifier.heads", name, "head")


def loss_module(name: str) -> ModuleType:
    """The module of a loss.

    Raises:
        UserError: There is none of this name.
    """
    return load("relseed.classifier.losses", name, "loss")


def save_extractor(extractor: Extractor, folder: Path) -> None:
    """Write an extractor and its model card into an existing, empty `folder`."""
    extractor.model.encoder.save_pretrained(folder)
    extractor.tokenizer.save_pretrained(folder)
    head = {name: weight.detach().cpu().contiguous() for name, weight in extractor.model.head.state_dict().items()}
    save_file(head, folder / "head.safetensors")
    save_numpy({"learnt": extractor.learnt.astype(np.float16)}, folder / _LEARNT)
    write_records(folder / "labels.jsonl", extractor.schema.entries)
    (folder / CONFIG).write_text(json.dumps(asdict(extractor.config), indent=2) + "\n", encoding="utf-8")
    card = render(
        Path(__file__).parent / "heads" / f"{extractor.config.head}.md.jinja",
        config=extractor.config,
        schema=extractor.schema,
    )
    (folder / "README.md").write_text(card + "\n", encoding="utf-8")


def load_extractor(folder: Path, device: torch.device) -> Extractor:
    """Load an extractor for inference.

    Raises:
        UserError: There is no complete extractor in `folder`.
    """
    if not (folder / CONFIG).is_file():
        found = [*folder.glob(f"*/{CONFIG}"), *folder.parent.glob(f"*/{CONFIG}")]
        there = ", ".join(sorted(str(path.parent) for path in found))
        cure = f"there is {there}" if there else "build one with `dvc repro finetune@gold`, or pull it (`dvc pull`)"
        raise UserError(f"{folder} holds no extractor: {cure}")
    if not any(folder.glob("model*.safetensors")):
        raise UserError(f"{folder} holds no weights: pull them (`dvc pull {folder}`), or build the extractor again")
    try:
        extractor = _load(folder)
    except (LookupError, OSError, RuntimeError, SafetensorError, TypeError, ValueError) as error:
        raise UserError(f"{folder} holds no complete extractor of this version ({error}): build it again") from error
    extractor.model.to(device).eval()
    return extractor


def _load(folder: Path) -> Extractor:
    values = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    config = CheckpointConfig(**values | {"decision": Decision(**values["decision"])})
    task = load_task(config.task)
    schema = read_schema(folder / "labels.jsonl", task)
    encoder, state = load_encoder(str(folder)), load_file(folder / "head.safetensors")
    head = head_module(config.head).load(encoder, schema, state)
    learnt = load_numpy(folder / _LEARNT)["learnt"]
    return Extractor(Classifier(encoder, head), load_tokenizer(str(folder)), task, schema, config, learnt)
