"""Make `dvc plots show` work without a network: its own page loads Vega from the web.

Writes   .dvc/tmp/plots.html: a page with Vega, Vega-Lite and Vega-Embed inside, taken from vl-convert-python
         .dvc/config.local: the setting that makes DVC use it (`plots.html_template`)
Alone    python -m relseed.report.offline_plots

Both are outside git: the scripts are other people's, and a clone without them still has DVC's own page.
"""

from pathlib import Path

import vl_convert
from dvc.config import Config

from relseed.pipeline.command import run
from relseed.pipeline.errors import UserError
from relseed.pipeline.outputs import output_file

DVC = Path(".dvc")
TEMPLATE = Path("tmp/plots.html")  # DVC looks for it from .dvc on

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
{refresh_tag}
<title>relseed: plots</title>
<style>body { font-family: system-ui, sans-serif; margin: 2rem; } .vega-embed { margin-bottom: 2rem; }</style>
<script>%s</script>
</head>
<body>
{plot_divs}
</body>
</html>
"""


def main() -> None:
    """Write the page and the setting."""
    if not DVC.is_dir():
        raise UserError(f"{DVC} not found: run this from the root of the repository")
    # Templates for DVC are written for Vega-Lite 5, and each plot calls vegaEmbed.
    scripts = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", _newest(5))
    with output_file(DVC / TEMPLATE) as partial:
        partial.write_text(_PAGE % scripts.replace("</script", r"<\/script"), encoding="utf-8")
    with Config(str(DVC)).edit("local") as settings:
        settings.setdefault("plots", {})["html_template"] = TEMPLATE.as_posix()


def _newest(major: int) -> str:
    versions = (tuple(map(int, version.split("."))) for version in vl_convert.get_vegalite_versions())
    return ".".join(map(str, max(version for version in versions if version[0] == major)))


if __name__ == "__main__":
    run(main)
