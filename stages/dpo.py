"""Tune the generator on preference pairs of one half of the relations: DPO of a LoRA adapter.

Reads    data/preferences/base/<half>.jsonl; the generator, a folder or a name (generator.model)
Writes   models/generator/base-<half>: the adapter as `peft` saves it, history of the training
Alone    python -m stages.dpo one models/generator/base data/preferences/base models/generator/base-one

The loss is that of Rafailov et al. 2023, the reference the same model without its adapter: what Li, Dai and Li 2025
print lacks the reference. An interrupted run goes on where it was: its state lies in .scratch.
"""

import json
from pathlib import Path
from typing import cast

from transformers import PreTrainedModel

from relseed.pipeline.command import run
from relseed.pipeline.outputs import output_folder
from relseed.pipeline.params import section
from relseed.preference.dpo import METRICS, Dpo, divergence, trainer_of
from relseed.preference.pairs import Pair
from relseed.records.files import read_records
from relseed.tracking.run import tracked
from relseed.training.device import seed_everything
from relseed.training.hf_trainer import Told, train
from relseed.training.resume import locked, state_folder


def main(half: str, model: str, preferences: Path, adapter: Path) -> None:
    """Tune, measure how far the adapter leads away, and write it."""
    params, pairs = section(Dpo), preferences / f"{half}.jsonl"
    preferred = [pair for _, pair in read_records(pairs, Pair, cure="build it with `dvc repro prefer`")]
    texts = [pair.model_dump(mode="json") for pair in preferred]
    scratch = state_folder("dpo", model, params=params.model_dump(), pairs=texts)
    with (
        locked([scratch]),
        tracked("dpo", params={"half": half, **params.model_dump()}, reads=[pairs], writes=[adapter]) as log,
        output_folder(adapter) as folder,
    ):
        seed_everything(params.seed)
        trainer = trainer_of(params, model, preferred, scratch)
        trainer.add_callback(Told(log, METRICS))
        history = train(trainer, scratch)
        moved = divergence(trainer)
        print(f"half {half}: {len(preferred)} pairs, KL to the reference {moved:.3f} nats a token")
        log.log_metrics({"kl": moved})
        cast(PreTrainedModel, trainer.model).save_pretrained(folder)
        record = json.dumps({"kl": moved, "history": history}, indent=1)
        (folder / "history.json").write_text(record + "\n", encoding="utf-8")


if __name__ == "__main__":
    run(main)
