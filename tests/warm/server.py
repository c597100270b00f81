"""Imports what stages import, and forks a process for each that a client asks for: `python server.py SOCKET PID`.

It ends with the process of that number.
"""

import importlib
import json
import os
import runpy
import signal
import socket
import sys
import traceback
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
    try:
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
        status = 0
    except SystemExit as end:
        status = int(end.code or 0)
    except BaseException:
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return status


main(sys.argv[1], int(sys.argv[2]))
