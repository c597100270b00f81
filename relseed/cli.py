"""The command `relseed`: label sentences, trace one that was written, fetch a public dataset."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

from typer import Argument, Option, Typer

from relseed.pipeline.command import guarded

app = Typer(add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True, help=__doc__)
Tagged = Annotated[list[str] | None, Argument(help="sentences with <e1>..</e1> and <e2>..</e2>")]


class Fetched(StrEnum):
    """The datasets that can be fetched."""

    SEMEVAL = "semeval"


# Each command imports what it needs when it runs: `relseed trace` must not wait for PyTorch.


@app.command()
def predict(
    tagged: Tagged = None,
    extractor: Annotated[Path, Option(help="folder of one extractor")] = Path("models/extractor/gold/seed-1"),
    head_type: Annotated[str | None, Option(help="entity type of every head")] = None,
    tail_type: Annotated[str | None, Option(help="entity type of every tail")] = None,
    input: Annotated[Path | None, Option(help="JSON Lines file of sentences")] = None,
    output: Annotated[Path | None, Option(help="where to write the labelled lines")] = None,
) -> None:
    """Label sentences with a trained extractor: sentences given here, or one JSON Lines file to another.

    Each line of the file holds `text` with the mentions marked as <e1>head</e1> and <e2>tail</e2>, or `text` with
    `head` and `tail` as in the datasets; it comes back with `predicted` and `probabilities`, all else as it was. An
    extractor trained with entity types wants them (`--head-type`, `--tail-type`, or `type` in the file); without them
    it is less sure, and says so.
    """
    from relseed.classifier.predict import main

    main(tagged, extractor, head_type, tail_type, input, output)


@app.command()
def trace(
    id: Annotated[str, Argument(help="of a sentence, or a unique part of one")],
    data: Annotated[Path, Option(help="where candidates, accepted, rejected and synthetic are")] = Path("data"),
) -> None:
    """Trace one written sentence: its prompt, the response, the rules, where it ended up.

    An id is that of a sentence (as in data/accepted, data/rejected and the report), or that of a request from which
    none came (without the last number), or a part of one that is unique.
    """
    from relseed.report.trace import main

    main(id, data)


@app.command()
def fetch(dataset: Fetched, folder: Path) -> None:
    """Fetch a public dataset from the Hugging Face Hub, as it was published, for `ingest` to read."""
    from relseed.datasets.fetch import main

    main(folder)


def run() -> None:
    """Run the command; a `UserError` ends it with its message and exit status 1."""
    guarded(app)


if __name__ == "__main__":
    run()
