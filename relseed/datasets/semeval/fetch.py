"""Fetch SemEval-2010 Task 8 from the Hugging Face Hub, as it was published (but for the annotators' comments)."""

import hashlib
from pathlib import Path

from datasets import ClassLabel, Dataset, load_dataset

from relseed.datasets import semeval
from relseed.pipeline.errors import UserError
from relseed.pipeline.outputs import output_file

HUB_NAME = "SemEvalWorkshop/sem_eval_2010_task_8"
# Split on the Hub, file as published, number of its first record, md5 of its labels in order. The Hub has no record
# numbers and the standard split goes by them, so that the order must be the published one.
_FILES = [
    ("train", semeval.TRAIN, 1, "6dd36b99ae97e941b69abb3fc38e4e83"),
    ("test", semeval.TEST, 8001, "59ebebd1db1ad7f4656bdbadde8fd9c2"),
]


def main(folder: Path) -> None:
    """Load, check, write."""
    print(f"loading {HUB_NAME} from the Hugging Face Hub")
    try:
        splits = load_dataset(HUB_NAME)
    except (OSError, RuntimeError, ValueError) as error:
        raise UserError(
            f"{HUB_NAME} could not be loaded from the Hugging Face Hub ({error}): try again when online, "
            "or download the files that https://aclanthology.org/S10-1006 names"
        ) from None
    for split, name, first, md5 in _FILES:
        rows = splits[split]
        if hashlib.md5("\n".join(labels(rows)).encode()).hexdigest() != md5:
            raise UserError(
                f"{split} of {HUB_NAME} has not the labels of {name} in their order: the Hub's version has changed, "
                "download the files that https://aclanthology.org/S10-1006 names"
            )
        with output_file(folder / name) as partial:
            partial.write_text(published(rows, first), encoding="utf-8", newline="")
        print(f"{folder / name}: {len(rows):,} records")


def labels(rows: Dataset) -> list[str]:
    """The directed labels, in order; the Hub stores them as class numbers."""
    feature = rows.features["relation"]
    return feature.int2str(rows["relation"][:]) if isinstance(feature, ClassLabel) else list(rows["relation"])


def published(rows: Dataset, first: int) -> str:
    """Write rows of `sentence` (tagged text) and `relation` as a published file, numbered from `first`."""
    records = zip(rows["sentence"], labels(rows), strict=True)
    return "".join(
        semeval.published(str(number), text, relation) for number, (text, relation) in enumerate(records, start=first)
    )
