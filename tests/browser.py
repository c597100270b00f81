"""Open a page in a real browser that has no network, and ask it what it shows."""

import html
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_SECONDS = 60

FIGURES = """[...document.querySelectorAll('svg')].map(svg => svg.getBBox())
    .filter(box => box.width > 50 && box.height > 50).length"""
REQUESTS = "performance.getEntriesByType('resource').map(entry => entry.name)"


def ask(page: Path, expression: str, tmp_path: Path, *, width: int = 1200) -> Any:
    """The value of a JavaScript expression in `page` after it has had three seconds to draw itself.

    Skips the test where no browser is installed, but fails it where CI is set: there, one must be.
    """
    asked = tmp_path / f"asked-{page.name}"
    asked.write_text(page.read_text(encoding="utf-8") + _question(expression), encoding="utf-8")
    options = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--host-resolver-rules=MAP * ~NOTFOUND",
        "--virtual-time-budget=10000",
        f"--window-size={width},2000",
        f"--user-data-dir={tmp_path / 'browser'}",
        "--dump-dom",
    ]
    shown = subprocess.run(
        [_browser(), *options, asked.as_uri()], capture_output=True, text=True, timeout=_SECONDS, check=True
    )
    answer = re.search(r'data-answer="([^"]*)"', shown.stdout)
    assert answer, f"the browser did not answer: {shown.stderr[-500:]}"
    return json.loads(html.unescape(answer[1]))


def _question(expression: str) -> str:
    answer = f"document.body.dataset.answer = JSON.stringify({expression})"
    return f"<script>setTimeout(() => {{ {answer} }}, 3000)</script>"


def _browser() -> str:
    for name in _NAMES:
        if path := shutil.which(name):
            return path
    missing = "no Chromium or Chrome is installed (Debian: apt-get install chromium)"
    if os.environ.get("CI"):
        pytest.fail(missing)
    pytest.skip(missing)
