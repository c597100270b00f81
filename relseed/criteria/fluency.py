"""Fluency: how likely a causal language model finds the words of an example, whatever the names in it.

The score is the mean log-probability of a token (Kann, Rothe and Filippova 2018 compare it with others). Invented
names would decide it, so that each mention is replaced by its type ("the person"), and the words in its place do not
count. Do not have a model score what it wrote itself.
"""

from collections.abc import Sequence
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from relseed.criteria.criterion import CriterionSettings, Score, Scorer, Scoring
from relseed.llm.engines.weights import weights_path
from relseed.pipeline.errors import UserError
from relseed.pipeline.progress import bar
from relseed.tasks.task import Task

_BATCH = 32  # texts of similar length
_UNTYPED = "thing"
_IGNORED = -100  # as targets have it that do not count


class Settings(CriterionSettings):
    """An entry of `criteria` with this name."""

    model: str  # a causal language model, by name or path
    revision: str | None = None  # of its weights, where it has one


def scorer(scoring: Scoring) -> Scorer:
    """The geometric mean of the probabilities of the tokens outside of mentions; the mean in nats as a note.

    It says which of several texts on the same thing is more fluent, and little across labels.

    Raises:
        UserError: There is no such model.
    """
    model, tokenizer = _load(scoring.settings)

    def score(examples: Sequence[Any]) -> list[Score]:
        return _scores(model, [_input(tokenizer, *_without_names(scoring.task, example)) for example in examples])

    return score


def _scores(model: Any, inputs: Sequence[tuple[list[int], list[int]]]) -> list[Score]:
    order = sorted(range(len(inputs)), key=lambda at: len(inputs[at][0]))
    found = [Score(0.0)] * len(inputs)
    for start in bar(range(0, len(order), _BATCH), desc="fluency", unit="batch"):
        part = order[start : start + _BATCH]
        for at, mean in zip(part, _means(model, [inputs[at] for at in part]), strict=True):
            found[at] = Score(min(1.0, float(mean.exp())), f"{mean:.2f} nats a token")
    return found


def _load(settings: Settings) -> tuple[Any, Any]:
    path = weights_path(settings.model, settings.revision)
    try:
        model: Any = AutoModelForCausalLM.from_pretrained(path, dtype="float32", trust_remote_code=False)
        tokenizer: Any = AutoTokenizer.from_pretrained(path, trust_remote_code=False)
    except (OSError, ValueError) as error:
        cure = "name a folder, or a model of the Hugging Face Hub"
        raise UserError(f"criteria.fluency.model: no causal model {settings.model!r}: {cure} ({error})") from None
    return model.to("cuda" if torch.cuda.is_available() else "cpu").eval(), tokenizer


def _without_names(task: Task, example: Any) -> tuple[str, list[range]]:
    """The text with "the person" for each mention of this type, and where these words stand."""
    text, replaced = "", list[range]()
    for piece, role, type in task.segments(example):
        if role is not None:
            article = "the" if text.strip() else "The"
            piece = f"{article} {(type or _UNTYPED).replace('_', ' ').lower()}"
            replaced.append(range(len(text), len(text) + len(piece)))
        text += piece
    return text, replaced


def _input(tokenizer: Any, text: str, replaced: Sequence[range]) -> tuple[list[int], list[int]]:
    """The tokens after one that begins a text, and as targets those that count."""
    encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    first = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
    targets = [
        _IGNORED if any(start < span.stop and end > span.start for span in replaced) else token
        for token, (start, end) in zip(encoded["input_ids"], encoded["offset_mapping"], strict=True)
    ]
    return [first, *encoded["input_ids"]], [_IGNORED, *targets]


@torch.inference_mode()
def _means(model: Any, inputs: Sequence[tuple[list[int], list[int]]]) -> torch.Tensor:
    """The mean log-probability of the tokens of each text that count, [texts]; of a text without any, 0."""
    longest = max(len(tokens) for tokens, _ in inputs)
    ids = torch.tensor([tokens + [tokens[0]] * (longest - len(tokens)) for tokens, _ in inputs])
    mask = torch.tensor([[1] * len(tokens) + [0] * (longest - len(tokens)) for tokens, _ in inputs])
    wanted = torch.tensor([targets + [_IGNORED] * (longest - len(targets)) for _, targets in inputs]).to(model.device)
    logits = model(input_ids=ids.to(model.device), attention_mask=mask.to(model.device)).logits[:, :-1].float()
    losses = torch.nn.functional.cross_entropy(
        logits.transpose(1, 2), wanted[:, 1:], ignore_index=_IGNORED, reduction="none"
    )
    counts = (wanted[:, 1:] != _IGNORED).sum(1).clamp(min=1)
    return (-losses.sum(1) / counts).cpu()
