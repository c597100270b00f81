"""`dvc metrics` and `dvc plots` over what the report stage writes, as dvc.yaml declares it, without a network."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from relseed.pipeline.errors import UserError
from relseed.report import offline_plots
from relseed.report.metrics import metrics_of
from relseed.report.plots import plot_files
from tests.browser import FIGURES, REQUESTS, ask
from tests.evaluations import draw, evaluation

REPOSITORY = Path(__file__).parent.parent
PLOTS = 4


def run(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def dvc(*arguments: str) -> str:
    return run(sys.executable, "-m", "dvc", *arguments)


def write(root: Path, **changes: Any) -> None:
    """What the report stage writes for DVC, of two systems."""
    systems = {name: evaluation(name, **changes) for name in ("gold", "silver")}
    (root / "metrics.json").write_text(json.dumps(metrics_of(systems, {}, {})))
    (root / "results/plots").mkdir(parents=True, exist_ok=True)
    for name, text in plot_files(systems).items():
        (root / "results/plots" / name).write_text(text)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A repository with the project's graph and plot templates, one report committed, a newer one in place."""
    root = tmp_path_factory.mktemp("repository")
    for name in ("dvc.yaml", "params.yaml", ".dvc/config", ".dvc/.gitignore", ".dvc/plots"):
        copy = shutil.copytree if (REPOSITORY / name).is_dir() else shutil.copy
        (root / name).parent.mkdir(exist_ok=True)
        copy(REPOSITORY / name, root / name)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.setenv("DVC_NO_ANALYTICS", "true")
        run("git", "init", "--quiet")
        write(root)
        run("git", "add", ".")
        identity = ("-c", "user.name=Tester", "-c", "user.email=tester@example.org")
        run("git", *identity, "commit", "--quiet", "--message=report")
        write(root, draw=draw(hash="ba9876543210"))
        offline_plots.main()
        yield root


def test_dvc_metrics_show_reads_scores_baselines_and_the_draw(repository: Path) -> None:
    shown = json.loads(dvc("metrics", "show", "--json"))[""]["data"]["metrics.json"]["data"]
    assert shown == json.loads((repository / "metrics.json").read_text())


def test_dvc_metrics_diff_shows_the_new_draw(repository: Path) -> None:
    line = next(line.split() for line in dvc("metrics", "diff").splitlines() if "gold.draw" in line)
    assert line == ["metrics.json", "gold.draw", "0123456789ab", "ba9876543210", "-"]


@pytest.mark.parametrize(("command", "revisions"), [(("show",), 1), (("diff", "HEAD"), 2)])
def test_dvc_plots_are_drawn_without_a_network(
    repository: Path, tmp_path: Path, command: tuple[str, ...], revisions: int
) -> None:
    dvc("plots", *command, "--out", str(tmp_path / "plots"))
    drawn = "document.querySelectorAll('.mark-rect.role-mark path').length"
    bars_and_cells = 2 * (3 + 3 * 3) * revisions  # two systems, three labels
    seen = ask(tmp_path / "plots/index.html", f"[{FIGURES}, {drawn}, {REQUESTS}]", tmp_path)
    assert seen == [PLOTS, bars_and_cells, []]


def test_the_scripts_stay_out_of_git(repository: Path) -> None:
    assert (repository / ".dvc" / offline_plots.TEMPLATE).stat().st_size > 100_000
    assert "plots.html" not in run("git", "status", "--porcelain", "--untracked-files=all")


def test_other_local_settings_of_dvc_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path(".dvc").mkdir()
    Path(".dvc/config.local").write_text("[cache]\n    dir = /shared/cache\n")
    offline_plots.main()
    kept = Path(".dvc/config.local").read_text()
    assert "dir = /shared/cache" in kept
    assert "html_template = tmp/plots.html" in kept


def test_outside_the_root_it_says_where_to_run_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="root of the repository"):
        offline_plots.main()
