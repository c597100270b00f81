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
TOOLS = """
    const choose = (values) => document.querySelectorAll("form [id]").forEach(field => {
        field.value = values[field.id] ?? "";
        field.dispatchEvent(new Event("input", { bubbles: true }));
    });
    const options = (id) => [...document.getElementById(id).options].map(option => option.text);
    const seen = (selector) => [...document.querySelectorAll(selector)].filter(item => item.getClientRects().length);
    const box = (selector) => document.querySelector(selector).getBoundingClientRect();
    const marks = (item) => [...item.querySelectorAll("mark")]
        .map(mark => [mark.className, mark.title, mark.textContent]);
    const background = (item) => getComputedStyle(item).backgroundColor;
"""


def ask(page: Path, expression: str, tmp_path: Path, *, width: int = 1200) -> Any:
    """The value of a JavaScript expression in `page` after it has had three seconds to draw itself.

    Skips the test where no browser is installed, but fails it where CI is set: there, one must be.
    """
    opened = tmp_path / f"opened-{page.name}"
    opened.write_text(page.read_text(encoding="utf-8") + _script(expression), encoding="utf-8")
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
        [_browser(), *options, opened.as_uri()], capture_output=True, text=True, timeout=_SECONDS, check=True
    )
    value, error = (re.search(rf'data-{name}="([^"]*)"', shown.stdout) for name in ("value", "error"))
    assert value, f"the browser did not answer: {html.unescape(error[1]) if error else shown.stderr[-500:]}"
    return json.loads(html.unescape(value[1]))


def look(page: Path, body: str, tmp_path: Path, *, width: int = 1200) -> Any:
    """What the body of a JavaScript function returns in `page`, with `TOOLS` at hand."""
    return ask(page, f"(() => {{ {TOOLS} {body} }})()", tmp_path, width=width)


def _script(expression: str) -> str:
    value = f"document.body.dataset.value = JSON.stringify({expression})"
    tried = f"try {{ {value} }} catch (error) {{ document.body.dataset.error = error }}"
    return f"<script>setTimeout(() => {{ {tried} }}, 3000)</script>"


def _browser() -> str:
    for name in _NAMES:
        if path := shutil.which(name):
            return path
    missing = "no Chromium or Chrome is installed (Debian: apt-get install chromium)"
    if os.environ.get("CI"):
        pytest.fail(missing)
    pytest.skip(missing)
