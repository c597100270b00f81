"""Re-TACRED (Stoica et al. 2021): TACRED relabelled, with relations of its own."""

from pathlib import Path

from relseed.datasets.dataset import Dataset
from relseed.datasets.tacred import read_variant
from relseed.tasks.task import Task


def read(folder: Path, *, task: Task, domain: str | None) -> Dataset:
    """Read TACRED with the patches that lie beside it: see `read_variant`."""
    return read_variant(folder, "retacred")
