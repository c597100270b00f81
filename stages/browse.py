"""Make a page to read what a method wrote: accepted and rejected side by side, to filter and to search.

It measures nothing: it leaves no run in MLflow.
"""

from pathlib import Path

from relseed.pipeline.command import Entry, run
from relseed.pipeline.outputs import output_file
from relseed.pipeline.params import Params
from relseed.records.candidates import Rejected
from relseed.records.files import read_records
from relseed.report.browser import browser_page
from relseed.tasks.task import load_task, read_examples, read_schema


def main(method: Entry, accepted: Path, rejected: Path, labels: Path, examples: Path) -> None:
    """Read, and write the page."""
    task = load_task(Params.read().value("task"))
    cure = f"build it with `dvc repro filter@{method}`"
    passed = read_examples(accepted / f"{method}.jsonl", task, read_schema(labels, task), cure=cure, empty=True)
    failed = [record for _, record in read_records(rejected / f"{method}.jsonl", Rejected, cure=cure)]
    with output_file(examples / f"{method}.html") as partial:
        partial.write_text(browser_page(task, method, passed, failed) + "\n", encoding="utf-8")


if __name__ == "__main__":
    run(main)
