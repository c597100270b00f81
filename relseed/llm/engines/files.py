"""How many files this process may open: a connection is one, too."""

import resource
from pathlib import Path

from relseed.pipeline.errors import UserError

_OTHERS = 16  # files that a run opens beside its connections


def need_open_files(connections: int) -> None:
    """Make sure that so many connections can be open at once, by raising this process's own limit where it may.

    Raises:
        UserError: The machine allows it fewer.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = _open_now() + connections + _OTHERS
    if soft == resource.RLIM_INFINITY or needed <= soft:
        return
    if resource.RLIM_INFINITY not in (soft, hard) and needed > hard:
        raise UserError(
            f"engines.limits.concurrency is {connections}, and this process may have {hard} files open, connections "
            f"included, where {needed} are needed: lower engines.limits.concurrency, or raise the limit (`ulimit -n`)"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


def _open_now() -> int:
    folder = Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.is_dir() else 32
