"""DPO of a LoRA adapter on preference pairs, by `trl` and `peft`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from peft import LoraConfig
from pydantic import Field, PositiveInt
from transformers import AutoModelForCausalLM, AutoTokenizer, BertLMHeadModel
from trl import DPOConfig, DPOTrainer
from trl.trainer import utils

from relseed.pipeline.errors import UserError
from relseed.preference.pairs import Pair
from relseed.training.device import device
from relseed.training.hf_trainer import Training

# What of trl's log goes to MLflow, and under which name.
METRICS = {"loss": "loss", "rewards/margins": "reward_margin", "rewards/accuracies": "reward_accuracy"}


class _Bert(BertLMHeadModel):
    """A BERT as trl takes it: it multiplies the states of `base_model` by the output embeddings itself, and knows of
    no transform between the two.
    """

    @property
    def base_model(self) -> Any:
        return self._transformed

    def _transformed(self, *args: Any, **kwargs: Any) -> Any:
        outputs = self.bert(*args, **kwargs)
        outputs.last_hidden_state = self.cls.predictions.transform(outputs.last_hidden_state)
        return outputs


class Dpo(Training):
    """How to tune the generator."""

    beta: float = Field(gt=0)  # how strongly it is held to the reference
    rank: PositiveInt  # of the LoRA adapter
    alpha: PositiveInt  # its scale, in ranks
    targets: tuple[str, ...] = Field(min_length=1)  # the layers that it changes, by the ends of their names


def trainer_of(params: Dpo, model: str, pairs: Sequence[Pair], scratch: Path) -> DPOTrainer:
    """The trainer of an adapter, which begins as one that changes nothing.

    Raises:
        UserError: There is no such model here, or it has none of the layers to change.
    """
    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(model)
        loaded: Any = AutoModelForCausalLM.from_pretrained(model, dtype="float32" if device().type == "cpu" else "auto")
    except OSError as error:
        raise UserError(
            f"no causal model {model!r}: build it with `dvc repro teach`, or download it ({error})"
        ) from error
    lora = LoraConfig(
        r=params.rank, lora_alpha=params.alpha, target_modules=list(params.targets), task_type="CAUSAL_LM"
    )
    try:
        trainer = DPOTrainer(
            model=loaded,
            args=_arguments(params, scratch),
            train_dataset=_conversations(pairs),
            processing_class=tokenizer,
            peft_config=lora,
        )
    except ValueError as error:
        raise UserError(f"dpo.targets or dpo.max_length do not fit {model}: {error}") from error
    if isinstance(loaded, BertLMHeadModel):
        loaded.__class__ = _Bert  # only now: peft asks `base_model` for the embeddings
    # Without Triton, trl works out the probabilities of the prompts' tokens, too, and then leaves them out: that is
    # half of the time of an update on a CPU. This function of trl decides nothing else.
    utils._use_triton = lambda _: True  # type: ignore[assignment]
    return trainer


def _arguments(params: Dpo, scratch: Path) -> DPOConfig:
    return DPOConfig(
        **params.arguments(scratch),
        beta=params.beta,
        max_length=params.max_length,
        logging_steps=5,
        gradient_checkpointing=device().type != "cpu",
    )


def _conversations(pairs: Sequence[Pair]) -> Dataset:
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


@torch.no_grad()
def divergence(trainer: DPOTrainer, batches: int = 8) -> float:
    """KL divergence of the tuned model from its reference, in nats a token, on the first answers trained on.

    The mean over the tokens of the answers of sum p log(p/q), p being the tuned model's, q the reference's.
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
