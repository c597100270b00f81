"""Files of results: what was measured of one setting beside what was measured of others."""

import json
from pathlib import Path
from typing import Any


def read_results(path: Path) -> dict[str, Any]:
    """What a file of results holds; nothing where there is none yet."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def update_results(path: Path, setting: str, measured: dict[str, Any]) -> None:
    """Write what was measured of a setting beside what was measured of others."""
    results = read_results(path) | {setting: measured}
    path.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n", encoding="utf-8")
