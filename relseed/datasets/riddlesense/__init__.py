"""RiddleSense (Lin et al. 2021): riddles with five options, published as `rs_train.jsonl` and `rs_dev.jsonl`."""

from pathlib import Path

from relseed.datasets.commonsenseqa import RECORD, read_as
from relseed.datasets.dataset import Dataset
from relseed.datasets.questions import QuestionSet
from relseed.tasks.multiple_choice import TASK
from relseed.tasks.task import Task

_RIDDLESENSE = QuestionSet(
    name="RiddleSense",
    task=TASK,
    licence="for research, not commercial, no redistribution (terms of its publishers; their repository is MIT)",
    source="Lin et al. 2021, https://inklab.usc.edu/RiddleSense",
    files="rs_train.jsonl and rs_dev.jsonl",
    record=RECORD,
    reported="3,510, 1,021 and 1,202",
)


def read(folder: Path, *, task: Task, domain: str | None) -> Dataset:
    """Read `rs_train.jsonl` and `rs_dev.jsonl`: see `commonsenseqa.read_as`."""
    return read_as(_RIDDLESENSE, folder, folder / "rs_train.jsonl", folder / "rs_dev.jsonl")
