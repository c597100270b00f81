"""A small endpoint that misbehaves on purpose, and counts the requests that it gets."""

import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Behaviour = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """One connection; what it does is up to the server's script."""

    protocol_version = "HTTP/1.1"
    server: "Server"

    def do_POST(self) -> None:
        self.body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.prompt = self.body["messages"][-1]["content"]
        with self.server.lock:
            self.server.requests[self.prompt] += 1
            nth = self.server.requests[self.prompt]
            self.server.keys.add(self.headers["authorization"])
        script = self.server.script
        script[min(nth, len(script)) - 1](self)

    def send(self, status: int, body: str, **headers: str) -> None:
        self.send_response(status)
        content = body.encode(errors="surrogateescape")  # "\udce9" goes out as a byte that is no UTF-8
        for name, value in {"content-type": "application/json", "content-length": str(len(content)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    """The n-th time that a prompt comes, the n-th behaviour of the script responds; the last one goes on."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, script: tuple[Behaviour, ...]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.script = script
        self.lock = threading.Lock()
        self.requests: Counter[str] = Counter()  # by prompt
        self.keys: set[str] = set()
        self.userinfo = ""  # user and password that its address names

    @property
    def url(self) -> str:
        return f"http://{self.userinfo and self.userinfo + '@'}127.0.0.1:{self.server_port}/v1"

    def handle_error(self, *_: object) -> None:
        pass  # clients that hung up are what some tests are about


@contextmanager
def serving(*script: Behaviour) -> Iterator[Server]:
    with Server(script) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def chat(text: str, finish: str = "stop") -> str:
    return json.dumps(
        {
            "id": "chat-1",
            "object": "chat.completion",
            "created": 0,
            "model": "hostile-1",
            "choices": [{"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": text}}],
            "usage": {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12},
        }
    )


def responds(text: str = "a response", finish: str = "stop") -> Behaviour:
    return lambda handler: handler.send(200, chat(text, finish))


def echoes(handler: Handler) -> None:
    handler.send(200, chat(handler.prompt))


def fails(status: int, code: str | None = None, **headers: str) -> Behaviour:
    return lambda handler: handler.send(status, json.dumps({"error": {"message": "no", "code": code}}), **headers)


def repeats_key(status: int, then: str = "{}") -> Behaviour:
    """A response whose body is `then`, the header with the key in place of the braces."""
    return lambda handler: handler.send(status, then.replace("{}", json.dumps(handler.headers["authorization"])))


def sends(body: str) -> Behaviour:
    return lambda handler: handler.send(200, body)


def sleeps(seconds: float) -> Behaviour:
    def behave(handler: Handler) -> None:
        time.sleep(seconds)
        handler.send(200, chat("too late"))

    return behave


def trickles(seconds: float) -> Behaviour:
    """A blank now and then, so that no single read takes long."""

    def behave(handler: Handler) -> None:
        whole = " " * int(seconds / 0.05) + chat("too late")
        handler.send_response(200)
        handler.send_header("content-type", "application/json")
        handler.send_header("content-length", str(len(whole)))
        handler.end_headers()
        for blank in whole[: int(seconds / 0.05)]:
            handler.wfile.write(blank.encode())
            handler.wfile.flush()
            time.sleep(0.05)
        handler.wfile.write(whole.lstrip().encode())

    return behave


def hangs_up(handler: Handler) -> None:
    whole = chat("never whole")
    handler.send_response(200)
    handler.send_header("content-type", "application/json")
    handler.send_header("content-length", str(len(whole)))
    handler.end_headers()
    handler.wfile.write(whole[: len(whole) // 2].encode())
    handler.wfile.flush()
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)
