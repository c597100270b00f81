"""The package that pyproject.toml builds: library, templates, data and command, without a checkout."""

import os
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.conftest import run
from tests.graph import ROOT


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    copied = folder / "checkout"
    wanted = ("relseed", "pyproject.toml", "README.md", "LICENSE")
    files = run(ROOT, "git", "ls-files", "-co", "--exclude-standard", *wanted)
    for name in files.stdout.splitlines():
        (copied / name).parent.mkdir(parents=True, exist_ok=True)
        (copied / name).write_bytes((ROOT / name).read_bytes())
    run(copied, sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(folder), ".")
    [built] = folder.glob("*.whl")
    return built


def test_it_holds_every_file_of_the_library_and_no_stage(wheel):
    files = run(ROOT, "git", "ls-files", "-co", "--exclude-standard", "relseed").stdout.splitlines()
    with ZipFile(wheel) as archive:
        packed = [name for name in archive.namelist() if ".dist-info/" not in name]
    assert sorted(packed) == sorted(name for name in files if (ROOT / name).exists())


def test_it_is_imported_and_its_command_runs_where_there_is_no_checkout(wheel, tmp_path):
    with ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
        [entry] = [archive.read(name).decode() for name in archive.namelist() if name.endswith("entry_points.txt")]
    assert "relseed = relseed.cli:run" in entry
    program = (
        "import sys; sys.path.insert(0, sys.argv.pop(1)); import relseed; from relseed.cli import run; "
        "print(relseed.__file__); run()"
    )
    done = run(tmp_path, sys.executable, "-I", "-c", program, str(tmp_path / "site"), "--help")
    assert done.stdout.splitlines()[0].startswith(f"{tmp_path}{os.sep}site")
    assert all(
        command in done.stdout
        for command in ("predict", "extract", "preview", "trace", "fetch", "review", "check", "init")
    )
