"""The command `relseed`: label items, extract from texts, preview, trace, review, verify; fetch and check datasets."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from typer import Argument, Option, Typer

from relseed.pipeline.command import guarded
from relseed.pipeline.errors import UserError

app = Typer(add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True, help=__doc__)
review = Typer(no_args_is_help=True, help="Have people review what was written, before anything is trained on it.")
app.add_typer(review, name="review")
verify = Typer(no_args_is_help=True, help="Have people say how many written sentences state their relation.")
app.add_typer(verify, name="verify")
Tagged = Annotated[list[str] | None, Argument(help="texts; for relations sentences with <e1>..</e1> and <e2>..</e2>")]
Methods = Annotated[
    list[str] | None,
    Argument(help="of `methods` or `labellers` in params.yaml, `explain` or `tuples`; all if none is named"),
]
ExtractorFolder = Annotated[
    Path, Option(help="folder of an extractor, or of several: then that of `careful`, or the best on validation")
]
Threshold = Annotated[float | None, Option(help="least score of an assertion, instead of the extractor's own")]
Negatives = Annotated[
    float | None, Option(min=0.001, max=0.999, help="share of your items that assert nothing, such as 0.8")
]

EXTRACTORS = Path("models/extractor")


class Fetched(StrEnum):
    """The datasets that can be fetched."""

    SEMEVAL = "semeval"


# Each command imports what it needs when it runs: `relseed trace` must not wait for PyTorch.


@app.command()
def predict(
    tagged: Tagged = None,
    extractor: ExtractorFolder = EXTRACTORS,
    head_type: Annotated[str | None, Option(help="entity type of every head")] = None,
    tail_type: Annotated[str | None, Option(help="entity type of every tail")] = None,
    input: Annotated[Path | None, Option(help="JSON Lines file of items")] = None,
    output: Annotated[Path | None, Option(help="where to write the labelled lines")] = None,
    threshold: Threshold = None,
    negatives: Negatives = None,
) -> None:
    """Label items with a trained extractor: sentences given here, or one JSON Lines file to another.

    Each line of the file holds an item as in the datasets (for relations `text` with `head` and `tail`, or `text` with
    the mentions marked as <e1>head</e1> and <e2>tail</e2>). It comes back with `predicted`, `best` (the likeliest label
    that asserts something, also where the answer is the negative label), `probabilities`, and `unlike` where it is like
    nothing in training; all else as it was. An extractor trained with entity types wants them (`--head-type`,
    `--tail-type`, or `type` in the file); without them it is less sure, and says so.
    """
    from relseed.classifier.labelling import open_extractor
    from relseed.classifier.predict import label_file, label_texts

    if bool(tagged) == bool(input) or bool(input) != bool(output):
        raise UserError("give sentences, or --input and --output: see `relseed predict --help`")
    given = {"head_type": head_type, "tail_type": tail_type}
    fields = {name: value for name, value in given.items() if value is not None}
    opened = open_extractor(extractor)
    if input and output:
        label_file(opened, input, output, fields, threshold=threshold, negatives=negatives)
        return
    for labelled in label_texts(opened, tagged or (), fields, threshold=threshold, negatives=negatives):
        print(f"{labelled['predicted']}  {_shown(labelled)}{_not_asserted(labelled)}")
        for note in labelled.get("unlike", ()):
            print(f"  unlike training: {note}")
        for label, value in sorted(labelled["probabilities"].items(), key=lambda entry: -entry[1]):
            print(f"  {value:.3f}  {label}")


def _not_asserted(labelled: dict[str, Any]) -> str:
    """The likeliest label that asserts something, where the answer is another."""
    best = labelled["best"]
    if best["label"] == labelled["predicted"]:
        return ""
    return f"  (not asserted: {best['label']}, {best['probability']:.3f})"


@app.command()
def extract(
    file: Annotated[Path, Argument(help="a text (.txt), or texts in JSON Lines (.jsonl), `text` on each line")],
    extractor: ExtractorFolder = EXTRACTORS,
    output: Annotated[Path | None, Option(help="where to write JSON Lines; without it, triples are printed")] = None,
    params: Annotated[
        Path | None, Option(help="file with the section `extract`; else params.yaml where there is one, or defaults")
    ] = None,
    threshold: Threshold = None,
    negatives: Negatives = None,
) -> None:
    """Extract relations from raw text: find mentions, pair them, and write what the extractor asserts of them.

    spaCy finds sentences and mentions; the section `extract` of params.yaml names its model, and the types of the
    schema for the model's labels. Each triple comes with its probability and with offsets in the document.
    """
    from relseed.classifier.labelling import open_extractor
    from relseed.extraction.documents import read_texts
    from relseed.extraction.extract import extract as triples_of
    from relseed.extraction.extract import extract_file
    from relseed.extraction.settings import read_settings

    settings, opened = read_settings(params), open_extractor(extractor)
    if output:
        extract_file(opened, file, output, settings, threshold=threshold, negatives=negatives)
        return
    for triple in triples_of(opened, read_texts(file), settings, threshold=threshold, negatives=negatives):
        print(triple.describe())


def _shown(labelled: dict[str, Any]) -> str:
    """An item in short: its two mentions, or its text."""
    if "head" not in labelled:
        return str(labelled.get("question") or labelled["text"])
    spans = [labelled[role] for role in ("head", "tail")]
    return " -> ".join(labelled["text"][span["start"] : span["end"]] for span in spans)


@app.command()
def preview(
    methods: Methods = None, data: Annotated[Path, Option(help="where dataset and seeds are")] = Path("data")
) -> None:
    """Show what the next run would ask: rendered prompts, response schemas, counts and estimated cost. Asks nothing."""
    from relseed.pipeline.params import Params
    from relseed.preview import preview as render

    params = Params.read()
    print(render(params, methods or ["explain", "tuples", *params.names("methods"), *params.names("labellers")], data))


@app.command()
def trace(
    id: Annotated[str, Argument(help="of a candidate, or a unique part of one")],
    data: Annotated[Path, Option(help="where candidates, accepted, rejected and training are")] = Path("data"),
) -> None:
    """Trace one candidate: its prompt, the response, the rules, its scores, its review, where it ended up.

    An id is that of a candidate (as in data/accepted, data/rejected and the report), or that of a request from which
    none came (without the last number), or a part of one that is unique.
    """
    from relseed.report.trace import trace as render

    print(render(id, data))


@review.command("export")
def export_sheet(
    method: Annotated[str, Argument(help="of `methods` in params.yaml, whose accepted examples are reviewed")],
    output: Annotated[Path, Option(help="sheet.csv, sheet.html, or a folder for Argilla")],
    training_set: Annotated[str | None, Option(help="only what this training set holds of them")] = None,
    data: Annotated[Path, Option(help="where accepted, training and reviews are")] = Path("data"),
) -> None:
    """Write a sheet: each accepted example with its label and the label's definition, to decide about.

    A decision is keep, drop, or relabel LABEL. Examples that were decided before have their decision in the sheet.
    """
    from relseed.pipeline.params import Params
    from relseed.review.export import export

    count = export(Params.read(), method, training_set, output, data)
    print(f"{output}: {count} to review, then `relseed review import`")


@review.command("import")
def import_sheet(
    sheet: Annotated[Path, Argument(help="a filled .csv, or what Argilla exports: a .json file or a folder")],
    data: Annotated[Path, Option(help="where accepted and reviews are")] = Path("data"),
) -> None:
    """Read a filled sheet into data/reviews, which git versions and `select` applies.

    Every line is checked first; if one is wrong, nothing is imported. A decision replaces an earlier one about the same
    example; a line without a decision changes nothing.
    """
    from relseed.pipeline.params import Params
    from relseed.review.importing import describe, import_sheet

    imported, notes = import_sheet(Params.read(), sheet, data)
    for method in imported:
        print(describe(method))
    if notes:
        print(f"notes without a decision, which are not kept: {len(notes)}, such as that of {notes[0]}")
    print("`dvc repro` applies them; commit them with git")


@verify.command("sample")
def sample_sheet(
    training_set: Annotated[
        str, Argument(help="of `training_sets` in params.yaml, whose written sentences are asked about")
    ],
    output: Annotated[Path, Option(help="sheet.csv or sheet.html; its key comes beside it, as sheet.key.jsonl")],
    size: Annotated[int, Option(min=1, help="written sentences; 350 give 3 points of error at 90 %")] = 350,
    controls: Annotated[float, Option(min=0.05, max=0.5, help="share of all lines whose answer is known")] = 0.2,
    seed: Annotated[int, Option(min=0, help="random seed of what is drawn")] = 1,
    data: Annotated[Path, Option(help="where dataset and training are")] = Path("data"),
) -> None:
    """Draw a blind sheet: does each sentence state the relation? Real sentences with known answers are among them."""
    from relseed.verification.sample import sample

    written, known = sample(training_set, output, data, size=size, controls=controls, seed=seed)
    print(f"{output}: {written} written sentences and {known} controls; then `relseed verify score {output} ...`")


@verify.command("answer")
def answer_sheet(
    sheet: Annotated[Path, Argument(help="that `relseed verify sample` wrote, whose key is beside it")],
    llm: Annotated[str, Option(help="of `llms` in params.yaml, whose form is chat; better not the one that wrote")],
    output: Annotated[Path, Option(help="the filled sheet (.csv)")],
    recorded: Annotated[Path, Option(help="responses, where its engine is batch")] = Path("data/recorded/verify.jsonl"),
    data: Annotated[Path, Option(help="where dataset is")] = Path("data"),
) -> None:
    """Have an LLM fill in a sheet. What the engine batch lacks is exported, to be answered anywhere."""
    from relseed.pipeline.params import Params
    from relseed.verification.sample import answer

    answered, of, own = answer(Params.read(), sheet, llm, output, recorded, data)
    print(f"{output}: {answered} of {of} answered")
    if own:
        print(f"note: {llm} is of the model that wrote {', '.join(own)}: what it says of those is no measure of them")


@verify.command("score")
def score_sheets(
    sheet: Annotated[Path, Argument(help="that `relseed verify sample` wrote, whose key is beside it")],
    filled: Annotated[list[Path], Argument(help="filled sheets, one of each person (.csv)")],
) -> None:
    """Score filled sheets: accuracy with intervals, corrected by the controls, by method and relation; agreement."""
    from relseed.verification.sample import read_key
    from relseed.verification.score import described
    from relseed.verification.sheet import read_sheet

    items = read_key(sheet)
    print(described(items, {path: read_sheet(path, items) for path in filled}))


@app.command()
def fetch(dataset: Fetched, folder: Path) -> None:
    """Fetch a public dataset from the Hugging Face Hub, as it was published, for `ingest` to read."""
    from relseed.datasets.semeval.fetch import main

    main(folder)


@app.command()
def check(
    folder: Annotated[Path, Argument(help="of a dataset")],
    format: Annotated[str, Option(help="as `ingest.format` in params.yaml")] = "folder",
    domain: Annotated[str | None, Option(help="of CrossRE")] = None,
    task: Annotated[str, Option(help="what is labelled: relation, yes_no or multiple_choice")] = "relation",
) -> None:
    """Check a dataset without a run: counts, notes, near-duplicates between splits; errors end it with status 1."""
    from relseed.datasets.check import check as checked
    from relseed.datasets.dataset import read_dataset
    from relseed.tasks.task import load_task

    text, errors = checked(read_dataset(folder, format=format, task=load_task(task), domain=domain))
    print(text)
    if errors:
        raise UserError(f"{folder} would give wrong scores, see above")


@app.command()
def init(
    folder: Annotated[Path, Argument(help="to make; it may be there, but empty")],
    task: Annotated[str, Option(help="what is labelled: relation, yes_no or multiple_choice")] = "relation",
) -> None:
    """Make a folder for own data, filled with a few made-up examples and a README that says what to replace."""
    from relseed.datasets.skeleton import write_skeleton

    write_skeleton(folder, task)
    print(f"{folder} is made: see its README.md, then `relseed check`")


def run() -> None:
    """Run the command; a `UserError` ends it with its message and exit status 1."""
    guarded(app)


if __name__ == "__main__":
    run()
