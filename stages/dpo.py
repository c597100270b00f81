"""Tune the small language model on preference pairs: a LoRA adapter for each half of the relations, by DPO.

A relation is then written by the adapter that was tuned on the other half. An interrupted run resumes: its state lies
in .scratch.
"""

import json
from pathlib import Path

from relseed.llm.adapters import ADAPTERS, Adapters
from relseed.pipeline.command import Entry, run
from relseed.pipeline.outputs import output_folder
from relseed.pipeline.params import Params
from relseed.preference.dpo import Dpo, tune
from relseed.preference.pair import PreferencePair
from relseed.preference.split import Split
from relseed.records.files import read_output, read_records
from relseed.tracking.run import Run, tracked
from relseed.training.resume import locked, state_folder


def main(entry: Entry, adapters: Path) -> None:
    """Tune an adapter for each half, measure how far it leads away, and write both."""
    config, output = Params.read().section(f"dpo.{entry}", Dpo), adapters / entry
    split = read_output(config.reads / "split.json", Split, stage="pairs")
    with (
        tracked("dpo", params=config.model_dump(), reads=[config.reads, Path(config.model)], writes=[output]) as log,
        output_folder(output, *split.halves, ADAPTERS) as folder,
    ):
        for half in split.halves:
            _tune(half, config, folder / half, log)
        text = Adapters(by_label=split.by_label).model_dump_json(indent=1)
        (folder / ADAPTERS).write_text(text + "\n", encoding="utf-8")


def _tune(half: str, config: Dpo, adapter: Path, log: Run) -> None:
    pairs = config.reads / f"{half}.jsonl"
    preferred = [pair for _, pair in read_records(pairs, PreferencePair, cure="build it with `dvc repro pairs`")]
    plain = [pair.model_dump(mode="json") for pair in preferred]
    state = state_folder("dpo", config.model, config=config.model_dump(mode="json"), pairs=plain)
    with locked([state]):
        tuned = tune(config, preferred, state, log, half)
    print(f"half {half}: {len(preferred)} pairs, KL to the reference {tuned.kl:.3f} nats a token")
    log.log_metrics({f"{half}/kl": tuned.kl})
    tuned.model.save_pretrained(adapter)
    history = json.dumps({"kl": tuned.kl, "history": tuned.history}, indent=1)
    (adapter / "history.json").write_text(history + "\n", encoding="utf-8")


if __name__ == "__main__":
    run(main)
