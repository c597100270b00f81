"""Skeletons of folders of own data, a folder for each task that has one."""

import shutil
from pathlib import Path

from relseed.pipeline.errors import UserError
from relseed.pipeline.outputs import output_folder

_HERE = Path(__file__).parent


def write_skeleton(folder: Path, task: str) -> None:
    """Write a folder of made-up data that `relseed check` passes, for a user to put own data in its place.

    Raises:
        UserError: The folder holds something, or there is no skeleton for a task of this name.
    """
    known = sorted(path.parent.name for path in _HERE.glob("*/README.md"))
    if task not in known:
        raise UserError(f"no skeleton for the task {task!r}: there are skeletons for {', '.join(known)}")
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise UserError(f"{folder} is there and is not an empty folder: name another")
    with output_folder(folder) as partial:
        shutil.copytree(_HERE / task, partial, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
