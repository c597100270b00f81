"""Trainings of LoRA adapters of causal language models (Hu et al. 2022): their settings."""

from peft import LoraConfig
from pydantic import Field, PositiveInt

from relseed.training.hf_trainer import TrainingConfig


class LoraTrainingConfig(TrainingConfig):
    """How to train an adapter."""

    lora_rank: PositiveInt
    lora_alpha: PositiveInt  # the adapter's scale, in ranks
    target_modules: tuple[str, ...] = Field(min_length=1)  # layers that it changes, by the ends of their names

    @property
    def lora(self) -> LoraConfig:
        """The adapter as peft takes it."""
        return LoraConfig(
            r=self.lora_rank,
            lora_alpha=self.lora_alpha,
            target_modules=list(self.target_modules),
            task_type="CAUSAL_LM",
        )
