"""DPO of a LoRA adapter on preference pairs, by `trl` and `peft`.

The loss is that of Rafailov et al. 2023, the reference the same model without its adapter: what Li, Dai and Li 2025
print lacks the reference.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from datasets import Dataset
from pydantic import Field
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel
from trl import DPOConfig, DPOTrainer
from trl.trainer import utils

from relseed.pipeline.errors import UserError
from relseed.preference.pair import PreferencePair
from relseed.tracking.run import Run
from relseed.training.device import device, seed_everything
from relseed.training.hf_trainer import MetricsCallback, train
from relseed.training.lora import LoraTrainingConfig

# What of trl's log goes to MLflow, and under which name.
_METRICS = {"loss": "loss", "rewards/margins": "reward_margin", "rewards/accuracies": "reward_accuracy"}


class Dpo(LoraTrainingConfig):
    """An entry of `dpo`: how to tune a language model."""

    reads: Path  # preference pairs
    model: str  # that is tuned: a folder, or a name of the Hub
    beta: float = Field(gt=0)  # how strongly it is held to the reference


@dataclass(frozen=True, slots=True)
class Tuned:
    """An adapter, what its training logged, and how far it leads away from the reference in nats a token."""

    model: PreTrainedModel
    history: list[dict[str, float]]
    kl: float


def tune(config: Dpo, pairs: Sequence[PreferencePair], state: Path, log: Run, name: str) -> Tuned:
    """Train the adapter `name`, its state in the folder `state` until it is done.

    Raises:
        UserError: There is no such model here, or it has none of the layers to change.
    """
    seed_everything(config.seed)
    trainer = build_trainer(config, pairs, state)
    trainer.add_callback(MetricsCallback(log, {key: f"{name}/{metric}" for key, metric in _METRICS.items()}))
    with answers_alone():
        history = train(trainer, state)
        return Tuned(cast(PreTrainedModel, trainer.model), history, kl_to_reference(trainer))


def build_trainer(config: Dpo, pairs: Sequence[PreferencePair], state: Path) -> DPOTrainer:
    """The trainer of an adapter, which begins as one that changes nothing.

    Raises:
        UserError: There is no such model here, or it has none of the layers to change.
    """
    model = config.model
    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(model, trust_remote_code=False)
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            model, dtype="float32" if device().type == "cpu" else "auto", trust_remote_code=False
        )
    except OSError as error:
        raise UserError(
            f"no causal model {model!r}: build it with `dvc repro train_lm`, or download it ({error})"
        ) from error
    try:
        return DPOTrainer(
            model=loaded,
            args=_arguments(config, state),
            train_dataset=_conversations(pairs),
            processing_class=tokenizer,
            peft_config=config.lora,
        )
    except ValueError as error:
        raise UserError(f"dpo.target_modules or dpo.max_length do not fit {model}: {error}") from error


def _arguments(config: Dpo, state: Path) -> DPOConfig:
    return DPOConfig(
        **config.arguments(state),
        beta=config.beta,
        max_length=config.max_length,
        logging_steps=5,
        gradient_checkpointing=device().type != "cpu",
    )


def _conversations(pairs: Sequence[PreferencePair]) -> Dataset:
    return Dataset.from_list(
        [
            {
                "prompt": [message.model_dump() for message in pair.prompt],
                "chosen": [{"role": "assistant", "content": pair.chosen}],
                "rejected": [{"role": "assistant", "content": pair.rejected}],
            }
            for pair in pairs
        ]
    )


@contextmanager
def answers_alone() -> Iterator[None]:
    """Make trl (its version is pinned) work out the probabilities of the responses' tokens alone, for the block.

    Without Triton it works out those of the prompts' tokens, too, and then leaves them out: half of the time of a step
    on a CPU. The function of trl that is replaced decides nothing else.
    """
    uses_triton = utils._use_triton
    utils._use_triton = lambda _: True  # type: ignore[assignment]
    try:
        yield
    finally:
        utils._use_triton = uses_triton


@torch.no_grad()
def kl_to_reference(trainer: DPOTrainer, batches: int = 8) -> float:
    """KL divergence of the tuned model from its reference, in nats a token, on the first responses trained on.

    The mean over the tokens of the responses of sum p log(p/q), p being the tuned model's, q the reference's.
    """
    model: Any = trainer.model
    model.eval()
    total, count = 0.0, 0
    for number, batch in enumerate(trainer.get_train_dataloader()):
        if number == batches:
            break
        inputs = {name: batch[name].to(model.device) for name in ("input_ids", "attention_mask")}
        tuned = model(**inputs).logits[:, :-1].float().log_softmax(-1)
        with model.disable_adapter():
            reference = model(**inputs).logits[:, :-1].float().log_softmax(-1)
        answered = batch["completion_mask"][:, 1:].to(model.device).bool()
        each = (tuned.exp() * (tuned - reference)).sum(-1)[answered]
        total, count = total + each.sum().item(), count + each.numel()
    return total / max(1, count)
