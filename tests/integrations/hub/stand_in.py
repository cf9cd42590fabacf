"""A stand-in of the Hugging Face Hub's HTTP API on this machine, as far as the real client asks for it."""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "hf_of_the_tests"
SUFFIXES_IN_LFS = (".safetensors", ".jpg", ".bin", ".pth")


@dataclass
class Repo:
    """One repo: its commits, each with all files."""

    commits: list[dict[str, bytes]] = field(default_factory=lambda: [{".gitattributes": b""}])
    private: bool = False

    @property
    def sha(self) -> str:
        return hashlib.sha1(str((len(self.commits), sorted(self.commits[-1].items()))).encode()).hexdigest()

    @property
    def files(self) -> dict[str, bytes]:
        return self.commits[-1]


class StandIn(ThreadingHTTPServer):
    """The server: what it holds, and how it misbehaves."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.repos: dict[str, Repo] = {}
        self.stored: dict[str, bytes] = {}
        """Contents in the large file storage, by hash."""
        self.asked: list[str] = []
        """Method and path of each request so far."""
        self.failures: dict[str, int] = {}
        """HTTP status to answer requests with whose method and path begin so."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: StandIn

    def log_message(self, *_: object) -> None:
        pass

    def answer(self) -> None:
        path = self.path.partition("?")[0]
        asked = f"{self.command} {path}"
        self.server.asked.append(asked)
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        failing = next((code for beginning, code in self.server.failures.items() if asked.startswith(beginning)), None)
        if failing is not None:
            return self.reply({"error": "as the test wants it"}, failing)
        if not path.startswith("/storage/") and self.headers.get("Authorization") not in (None, f"Bearer {TOKEN}"):
            return self.reply({"error": "Invalid username or password."}, 401)
        return self.route(path)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = answer  # noqa: N815

    def route(self, path: str) -> None:
        parts = path.strip("/").split("/")
        if path == "/api/whoami-v2":
            return self.reply({"type": "user", "name": "us", "auth": {"accessToken": {"role": "write"}}})
        if path == "/api/validate-yaml":
            return self.reply({"errors": [], "warnings": []})
        if path == "/api/repos/create":
            return self.create(json.loads(self.body))
        if path == "/api/repos/delete":
            asked = json.loads(self.body)
            del self.server.repos[f"{asked['organization']}/{asked['name']}"]
            return self.reply({})
        if parts[0] == "storage":
            return self.store(parts[1])
        repo = "/".join(parts[2:4] if parts[0] == "api" else parts[:2]).removesuffix(".git")
        if repo not in self.server.repos:
            return self.reply({"error": "Repository not found"}, 404, {"X-Error-Code": "RepoNotFound"})
        return self.in_repo(self.server.repos[repo], repo, parts)

    def in_repo(self, held: Repo, repo: str, parts: list[str]) -> None:
        if parts[-3:] == ["lfs", "objects", "batch"]:
            return self.batch(json.loads(self.body)["objects"])
        if "resolve" in parts:
            return self.resolve(held, "/".join(parts[4:]))
        match parts[4:5]:
            case ["preupload"]:
                return self.preupload(json.loads(self.body)["files"])
            case ["commit"]:
                return self.commit(held, repo)
            case ["tree"]:
                tree = [{"type": "file", "path": n, "size": len(d), "oid": "0"} for n, d in held.files.items()]
                return self.reply(tree)
        return self.reply({"id": repo, "sha": held.sha, "siblings": [{"rfilename": name} for name in held.files]})

    def create(self, asked: dict[str, Any]) -> None:
        name = f"{asked.get('organization') or 'us'}/{asked['name']}"
        if name in self.server.repos:
            return self.reply({"error": "You already created this model repo"}, 409)
        self.server.repos[name] = Repo(private=asked.get("visibility") == "private" or bool(asked.get("private")))
        return self.reply({"url": f"{self.server.url}/{name}", "name": name, "id": name})

    def preupload(self, files: list[dict[str, Any]]) -> None:
        modes = [
            {
                "path": each["path"],
                "uploadMode": "lfs" if each["path"].endswith(SUFFIXES_IN_LFS) else "regular",
                "shouldIgnore": False,
            }
            for each in files
        ]
        self.reply({"files": modes})

    def batch(self, objects: list[dict[str, Any]]) -> None:
        answers = [
            {**each, "actions": {"upload": {"href": f"{self.server.url}/storage/{each['oid']}"}}} for each in objects
        ]
        self.reply({"transfer": "basic", "objects": answers})

    def store(self, oid: str) -> None:
        assert hashlib.sha256(self.body).hexdigest() == oid
        self.server.stored[oid] = self.body
        self.reply({})

    def commit(self, held: Repo, repo: str) -> None:
        lines = [json.loads(line) for line in self.body.splitlines()]
        files = dict(held.files)
        for line in lines:
            value = line["value"]
            match line["key"]:
                case "header":
                    if value.get("parentCommit") not in (None, held.sha):
                        return self.reply({"error": "A commit has happened since."}, 412)
                case "file":
                    files[value["path"]] = base64.b64decode(value["content"])
                case "lfsFile":
                    files[value["path"]] = self.server.stored[value["oid"]]
                case "deletedFile":
                    del files[value["path"]]
        held.commits.append(files)
        return self.reply({"commitUrl": f"{self.server.url}/{repo}/commit/{held.sha}", "commitOid": held.sha})

    def resolve(self, held: Repo, name: str) -> None:
        if name not in held.files:
            return self.reply({"error": "Entry not found"}, 404, {"X-Error-Code": "EntryNotFound"})
        data = held.files[name]
        headers = {"ETag": f'"{hashlib.sha256(data).hexdigest()}"', "X-Repo-Commit": held.sha}
        return self.reply(data, 200, headers)

    def reply(self, content: Any, code: int = 200, headers: dict[str, str] | None = None) -> None:
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(code)
        for name, value in {"Content-Length": str(len(data)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)


@contextmanager
def stand_in() -> Iterator[StandIn]:
    """A running stand-in of the Hub."""
    server = StandIn()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
