"""TACREV (Alt et al. 2020): TACRED with the labels of dev and test corrected."""

from pathlib import Path

from relseed.datasets.dataset import Dataset
from relseed.datasets.tacred import read_variant
from relseed.tasks.task import Task


def read(folder: Path, *, task: Task, domain: str | None) -> Dataset:
    """Read TACRED with the patches that lie beside it: see `read_variant`."""
    return read_variant(folder, "tacrev")
