"""Where a run comes from: its stage, DVC experiment and commit, and the hashes of what it read and wrote."""

import os
import subprocess
from collections.abc import Iterable
from pathlib import Path

_GIT_SECONDS = 5


def experiment_tags(stage: str, system: str | None) -> dict[str, str]:
    """Tags that say which stage of which DVC experiment ran, from the environment that DVC gives to a stage.

    The branch is left out: DVC runs every experiment on a detached HEAD.
    """
    tags = {
        "stage": stage,
        "system": system,
        "dvc.stage": os.environ.get("DVC_STAGE"),
        "dvc.exp.name": os.environ.get("DVC_EXP_NAME", "workspace"),
        "dvc.exp.baseline": os.environ.get("DVC_EXP_BASELINE_REV"),
    }
    return {key: value for key, value in tags.items() if value}


def commit_tags() -> dict[str, str]:
    """MLflow's tag for the full commit hash, and whether tracked files differ from it; none outside a repository."""
    commit = _git("rev-parse", "HEAD")
    if commit is None:
        return {}
    changes = _git("status", "--porcelain", "--untracked-files=no")
    return {"mlflow.source.git.commit": commit, "git.dirty": str(bool(changes)).lower()}


def repository_root() -> Path:
    """The root of the DVC repository that asked for the stage, else of the git repository, else the working folder.

    A stage of a temporary DVC experiment runs in a copy that is removed afterwards; `DVC_ROOT` is the original.
    """
    return Path(os.environ.get("DVC_ROOT") or _git("rev-parse", "--show-toplevel") or Path.cwd())


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, timeout=_GIT_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def dvc_hashes(paths: Iterable[Path]) -> dict[str, str]:
    """The hashes that DVC records for `paths` in dvc.lock, by path from the working folder; missing paths are left out.

    A file has its md5, a folder `<md5>.dir` over all that .dvcignore does not name. They come from DVC's
    own library, so that they cannot drift from the ones in dvc.lock.
    """
    return {_dvc_path(path): _dvc_md5(path) for path in paths if path.exists()}


def _dvc_path(path: Path) -> str:
    absolute = path.absolute()
    return (absolute.relative_to(Path.cwd()) if absolute.is_relative_to(Path.cwd()) else absolute).as_posix()


def _dvc_md5(path: Path) -> str:
    from dvc.fs import localfs
    from dvc.ignore import DvcIgnoreFilter
    from dvc_data.hashfile.build import build
    from dvc_data.hashfile.db import HashFileDB

    ignore = DvcIgnoreFilter(localfs, str(Path.cwd()))
    nowhere = HashFileDB(localfs, "")  # nothing is stored in a dry run
    _, _, built = build(nowhere, str(path.absolute()), localfs, "md5", dry_run=True, ignore=ignore)
    return str(built.hash_info.value)
