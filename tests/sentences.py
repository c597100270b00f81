"""Sentences as tests write them down."""

from transformers import PreTrainedModel

from relseed.classifier.heads.typed_marker import MarkerHead
from relseed.classifier.model import Classifier
from relseed.tasks.relation import Sentence


def marker_classifier(encoder: PreTrainedModel, labels: int, *, dropout: float = 0.0) -> Classifier:
    """An encoder with a fresh typed-marker head."""
    return Classifier(encoder, MarkerHead(encoder.config.hidden_size, labels, dropout=dropout))


def sentence(text: str, head: tuple, tail: tuple) -> Sentence:
    """A sentence with `head` and `tail` as (start, end) or (start, end, type)."""
    roles = {"head": head, "tail": tail}
    return Sentence.model_validate(
        {"text": text} | {role: dict(zip(("start", "end", "type"), span, strict=False)) for role, span in roles.items()}
    )
