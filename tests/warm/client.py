"""The `python` in PATH: hands `python -m stages.<verb>` to the server, and anything else to the real interpreter."""

import json
import os
import socket
import sys
from pathlib import Path

_KILLED = 137


def main() -> int:
    """Give command, environment, folder and the three streams to the server; return the stage's exit status."""
    if sys.argv[1:2] != ["-m"] or not sys.argv[2].startswith(("stages.", "relseed.")):
        os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
    request = json.dumps({"argv": sys.argv[2:], "environment": dict(os.environ), "folder": str(Path.cwd())})
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(str(Path(__file__).with_name("socket")))
        socket.send_fds(server, [b"."], [0, 1, 2])
        server.sendall(request.encode())
        server.shutdown(socket.SHUT_WR)
        status = server.recv(1)
    return status[0] if status else _KILLED


sys.exit(main())
