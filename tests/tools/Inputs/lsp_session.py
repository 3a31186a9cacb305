# SPDX-License-Identifier: Apache-2.0
"""Talks to the language server as an editor does: lsp_session.py FALLOFF_LSP."""

import json
import subprocess
import sys
from typing import Any

PATTERN = """// A pattern being typed.
mask.pattern @typed over (%frame: ?) {
  %near = LEAF over %frame
  keep %near
}
"""
URI = "file:///typed.mlir"


class Session:
    """JSON-RPC over the server's standard input and output, each message after its length."""

    def __init__(self, server: str) -> None:
        self.process = subprocess.Popen([server], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.requests = 0

    def send(self, message: dict[str, Any]) -> None:
        """Sends one message."""
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self.process.stdin is not None
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self.process.stdin.flush()

    def receive(self) -> dict[str, Any]:
        """The server's next message."""
        assert self.process.stdout is not None
        length = 0
        while line := self.process.stdout.readline().strip():
            name, value = line.split(b":")
            if name.lower() == b"content-length":
                length = int(value)
        if not length:
            sys.exit("expects a message of the server, but it closed its output")
        message: dict[str, Any] = json.loads(self.process.stdout.read(length))
        return message

    def request(self, method: str, params: Any) -> Any:
        """Sends a request and returns the result of its answer."""
        self.requests += 1
        self.send({"id": self.requests, "method": method, "params": params})
        while (answer := self.receive()).get("id") != self.requests:
            pass
        return answer["result"]

    def notify(self, method: str, params: Any) -> None:
        """Sends what needs no answer."""
        self.send({"method": method, "params": params})

    def diagnostics(self) -> list[dict[str, Any]]:
        """What the server says of the document after a change."""
        while (message := self.receive()).get("method") != "textDocument/publishDiagnostics":
            pass
        found: list[dict[str, Any]] = message["params"]["diagnostics"]
        return found


def show(name: str, diagnostics: list[dict[str, Any]]) -> None:
    """Prints places as people count them, from 1."""
    if not diagnostics:
        print(name, "no diagnostics")
    for diagnostic in diagnostics:
        start = diagnostic["range"]["start"]
        print(f"{name} {start['line'] + 1}:{start['character'] + 1}: {diagnostic['message']}")


def main() -> None:
    """Opens a document with a mistake, changes it, asks for a definition, and leaves."""
    session = Session(sys.argv[1])
    session.request("initialize", {"processId": None, "rootUri": None, "capabilities": {}})
    session.notify("initialized", {})
    texts = {"bad": "window [0]", "unknown": "windo [3]", "good": "window [3]"}
    for version, (name, leaf) in enumerate(texts.items()):
        document = {"uri": URI, "version": version}
        text = PATTERN.replace("LEAF", leaf)
        if version == 0:
            opened = {**document, "languageId": "mlir", "text": text}
            session.notify("textDocument/didOpen", {"textDocument": opened})
        else:
            change = {"textDocument": document, "contentChanges": [{"text": text}]}
            session.notify("textDocument/didChange", change)
        show(name, session.diagnostics())
    use = {"textDocument": {"uri": URI}, "position": {"line": 2, "character": 26}}
    start = session.request("textDocument/definition", use)[0]["range"]["start"]
    print(f"definition of %frame {start['line'] + 1}:{start['character'] + 1}")
    session.request("shutdown", None)
    session.notify("exit", None)
    sys.exit(session.process.wait(timeout=20))


if __name__ == "__main__":
    main()
