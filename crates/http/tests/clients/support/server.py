"""A causerie server with its own data and the built-in simulator, and a proxy that cuts connections."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

BINARY = os.environ["CAUSERIE_BINARY"]
SETTINGS = ("AI_", "CAUSERIE_", "DATABASE_", "OPENROUTER_")


class Server:
    """A server on a free port. Settings are environment variables of the program."""

    def __init__(self, **settings):
        self.folder = tempfile.mkdtemp(prefix="causerie-client-")
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        environment = {name: value for name, value in os.environ.items() if not name.startswith(SETTINGS)}
        environment |= {
            "CAUSERIE_LISTEN": f"127.0.0.1:{self.port}",
            "CAUSERIE_SENDS_PER_MINUTE": "0",
            **settings,
        }
        data = os.path.join(self.folder, "data")
        arguments = [BINARY, "serve", "--data-dir", data]
        self.output = os.path.join(self.folder, "output")
        with open(self.output, "wb") as output:
            self.process = subprocess.Popen(
                arguments, cwd=self.folder, env=environment, stdout=output, stderr=subprocess.DEVNULL
            )
        self.wait_until_ready()
        with open(os.path.join(data, "admin-key"), encoding="utf-8") as file:
            self.key = file.read().strip()

    def wait_until_ready(self):
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                urllib.request.urlopen(self.address + "/readyz").close()
                return
            except OSError:
                time.sleep(0.05)
        raise TimeoutError("the server did not become ready")

    def get(self, path):
        request = urllib.request.Request(self.address + path, headers={"authorization": f"Bearer {self.key}"})
        with urllib.request.urlopen(request) as response:
            return json.load(response)

    def one_time_code(self):
        """Returns the code with which the administrator can sign in once."""
        with open(self.output, encoding="utf-8") as file:
            return file.read().split("/#code=")[1].split()[0]

    def requests(self):
        """Returns the number of rows in the ledger, one for each request to the upstream."""
        return self.get("/usage")["total"]["requests"]

    def run(self, *arguments, **environment):
        """Runs a program of the documentation and returns its output."""
        environment = {**os.environ, "CAUSERIE_URL": self.address, "CAUSERIE_KEY": self.key, **environment}
        # Programs of the virtual environment come first.
        environment["PATH"] = os.path.dirname(sys.executable) + os.pathsep + environment["PATH"]
        return subprocess.run(arguments, env=environment, check=True, capture_output=True, text=True, timeout=60).stdout

    def close(self):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class CuttingProxy:
    """A proxy that closes its first connection after a number of bytes of the response, and passes the others on.

    Without a number it keeps the responses in `received`.
    """

    def __init__(self, port, cut_at=None):
        self.target = port
        self.cut_at = cut_at
        self.received = bytearray()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            limit, self.cut_at = self.cut_at, None
            threading.Thread(target=self.connect, args=(client, limit), daemon=True).start()

    def connect(self, client, limit):
        upstream = socket.create_connection(("127.0.0.1", self.target))
        threading.Thread(target=forward, args=(client, upstream), daemon=True).start()
        forward(upstream, client, limit, self.received)

    def close(self):
        self.listener.close()


def forward(source, target, limit=None, copy=None):
    """Copies bytes to the end, or up to a limit, and closes both sides."""
    try:
        while limit is None or limit > 0:
            data = source.recv(65536 if limit is None else limit)
            if not data:
                break
            if copy is not None:
                copy.extend(data)
            target.sendall(data)
            limit = None if limit is None else limit - len(data)
    except OSError:
        pass
    for side in (source, target):
        try:
            side.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        side.close()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
