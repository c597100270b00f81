"""DVC experiments as measurements: named, repeatable, and taken from the cache where they were run before."""

import json
import subprocess
from pathlib import Path
from typing import Any


def run_experiment(name: str, changes: list[str], target: str = "report") -> None:
    """Run the pipeline up to `target` with changed parameters, in place of an earlier experiment of that name."""
    command = ["dvc", "exp", "list", "--all-commits", "--name-only"]
    if name in subprocess.run(command, check=True, capture_output=True, text=True).stdout.split():
        subprocess.run(["dvc", "exp", "remove", "--quiet", name], check=True)
    options = [word for change in changes for word in ("-S", change)]
    subprocess.run(["dvc", "exp", "run", "--temp", "--name", name, *options, target], check=True)


def keep(path: Path, setting: str, measured: dict[str, Any]) -> None:
    """Write what was measured of a setting beside what was measured of others."""
    every = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    path.write_text(json.dumps(every | {setting: measured}, indent=1, sort_keys=True) + "\n", encoding="utf-8")
