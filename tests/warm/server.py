"""Imports what stages import, and forks a process for each that a client asks for: `python server.py SOCKET PID`.

It ends with the process of that number. A stage of DVC leaves what it used of the project in
`.scratch/traced/<stage>.json`: tests/test_dependencies.py compares that with dvc.yaml.
"""

import importlib
import json
import os
import runpy
import signal
import socket
import sys
import traceback
from inspect import get_annotations
from pathlib import Path

LIBRARIES = (
    "accelerate",
    "mlflow",
    "mlflow.entities",
    "mlflow.store.tracking.sqlalchemy_store",
    "mlflow.tracking.context.registry",
    "sklearn.metrics",
    "torch",
    "transformers.models.bert.modeling_bert",
    "transformers.models.roberta.modeling_roberta",
    "transformers.models.xlm_roberta.modeling_xlm_roberta",
)


def main(address: str, whole: int) -> None:
    """Serve as long as the process `whole` lives."""
    for name in LIBRARIES:
        importlib.import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the forked
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"{address}.new")
        server.listen()
        server.settimeout(1)
        Path(f"{address}.new").rename(address)  # there only once it answers
        while Path(f"/proc/{whole}").exists():
            try:
                client, _ = server.accept()
            except TimeoutError:
                continue
            if os.fork() == 0:
                server.close()
                client.settimeout(None)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                status = serve(client)
                client.sendall(bytes([status]))
                os._exit(0)
            client.close()


def serve(client: socket.socket) -> int:
    """Become the stage that a client asks for; return its exit status."""
    _, streams, _, _ = socket.recv_fds(client, 1, 3)
    request = json.loads(b"".join(iter(lambda: client.recv(1 << 16), b"")))
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.path[0] = request["folder"]
    sys.argv = request["argv"]
    trace = Trace(Path(request["folder"]))
    try:
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
        status = 0
    except SystemExit as end:
        status = int(end.code or 0)
    except BaseException:
        traceback.print_exc()
        status = 1
    if stage := os.environ.get("DVC_STAGE"):
        trace.write(stage)
    sys.stdout.flush()
    sys.stderr.flush()
    return status


class Trace:
    """What a stage uses of the project: modules and templates, names in params.yaml, fields of its sections."""

    def __init__(self, folder: Path) -> None:
        from relseed.pipeline.params import Params, Section

        self.folder = folder
        self.opened: set[str] = set()
        self.params: set[str] = set()
        self.fields: set[str] = set()
        sys.addaudithook(lambda event, values: self.opened.add(str(values[0])) if event == "open" else None)
        find, get = Params._find, Section.__getattribute__

        def finding(params: Params, name: str) -> object:
            self.params.add(name)
            return find(params, name)

        def getting(section: Section, name: str) -> object:
            if name in type(section).model_fields:
                self.fields.add(field(type(section), name))
            return get(section, name)

        Params._find, Section.__getattribute__ = finding, getting  # type: ignore[method-assign]

    def write(self, stage: str) -> None:
        """Write it down as `.scratch/traced/<stage>.json`."""
        modules = {module.__file__ for module in list(sys.modules.values()) if getattr(module, "__file__", None)}
        templates = {name for name in self.opened if not name.endswith((".py", ".pyc"))}
        paths = {Path(self.folder, name).resolve() for name in modules | templates}
        own = {path.relative_to(self.folder).as_posix() for path in paths if path.is_relative_to(self.folder)}
        code = {name for name in own if name.startswith("relseed/") and "__pycache__" not in name}
        files = {f"stages/{stage.partition('@')[0]}.py", *code}
        fields = {name.replace("__main__", f"stages.{stage.partition('@')[0]}") for name in self.fields}
        found = {"files": sorted(files), "params": sorted(self.params), "fields": sorted(fields)}
        path = self.folder / ".scratch/traced" / f"{stage}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(found, indent=1), encoding="utf-8")


def field(section: type, name: str) -> str:
    """The field of a section by the class that declares it first."""
    declaring = next(kind for kind in reversed(section.__mro__) if name in get_annotations(kind))
    return f"{declaring.__module__}.{declaring.__qualname__}.{name}"


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
