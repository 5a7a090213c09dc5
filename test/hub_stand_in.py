"""A stand-in for the Hugging Face hub on the loopback: the part of its API that downloads and uploads use.

Repositories are dicts of file contents. Weights and archives are kept by their sha256 (LFS), all else as git blobs, as on the hub.
"""

import base64
import hashlib
import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Iterator
from urllib.parse import unquote, urlsplit

TOKEN = "hf_stand_in"
LARGE = (".pth", ".zip")


@dataclass
class Hub:
    """What the server holds, and what it was asked."""

    url: str = ""
    repos: dict[str, dict[str, bytes]] = field(default_factory=dict)
    private: set[str] = field(default_factory=set)
    gated: set[str] = field(default_factory=set)
    store: dict[str, bytes] = field(default_factory=dict)  # sha256 -> content of an upload
    requests: list[str] = field(default_factory=list)  # "GET /path", with " bytes=..." of a range
    sent: int = 0  # bytes of file contents
    breaks_after: int | None = None  # bytes of a body, then the connection ends, once for each
    breaks: int = 0  # how often it still does
    damages: set[str] = field(default_factory=set)  # names of files that arrive changed
    refuses_commits: bool = False

    def revision(self, repo: str) -> str:
        content = json.dumps({name: sha256(body) for name, body in sorted(self.repos[repo].items())})
        return hashlib.sha1(content.encode()).hexdigest()


def sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def git_oid(body: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(body) + body).hexdigest()


def entry(name: str, body: bytes) -> dict:
    """A file as lists of files have it."""
    lfs = {"oid": sha256(body), "sha256": sha256(body), "size": len(body), "pointerSize": 130}
    return {"type": "file", "path": name, "rfilename": name, "size": len(body), "oid": git_oid(body)} | (
        {"lfs": lfs} if name.endswith(LARGE) else {}
    )


class Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def reply(self, status: int, body: bytes | dict | list = b"", **headers: str) -> None:
        if not isinstance(body, bytes):
            body, headers = json.dumps(body).encode(), {"Content-Type": "application/json", **headers}
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if "Content-Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def refuse(self, status: int, code: str, message: str) -> None:
        self.reply(status, {"error": message}, X_Error_Code=code, X_Error_Message=message)

    def known(self, repo: str) -> bool:
        """Whether the caller may read ``repo``; refused here if not."""
        if repo in self.hub.gated:
            self.refuse(403, "GatedRepo", "access to this model is restricted")
        elif repo not in self.hub.repos or (repo in self.hub.private and not self.logged_in):
            self.refuse(401 if not self.logged_in else 404, "RepoNotFound", "Repository not found")
        else:
            return True
        return False

    @property
    def logged_in(self) -> bool:
        return self.headers.get("Authorization") == f"Bearer {TOKEN}"

    def body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def parts(self) -> list[str]:
        span = f" {self.headers['Range']}" if "Range" in self.headers else ""
        path = urlsplit(self.path).path
        self.hub.requests.append(f"{self.command} {path}{span}")
        return [unquote(part) for part in path.strip("/").split("/")]

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        match self.parts():
            case ["api", "models", owner, name, *rest]:
                self.list_files(f"{owner}/{name}", rest)
            case [owner, name, "resolve", revision, *path]:
                self.send_file(f"{owner}/{name}", revision, "/".join(path))
            case _:
                self.refuse(404, "EntryNotFound", "no such page")

    def list_files(self, repo: str, rest: list[str]) -> None:
        if not self.known(repo):
            return
        revision = self.hub.revision(repo)
        if len(rest) > 1 and rest[1] not in ("main", revision):
            return self.refuse(404, "RevisionNotFound", "no such revision")
        files = [entry(name, body) for name, body in self.hub.repos[repo].items()]
        if rest[:1] == ["tree"]:
            return self.reply(200, files)
        self.reply(
            200,
            {"id": repo, "sha": revision, "siblings": files, "private": repo in self.hub.private, "tags": []},
        )

    def send_file(self, repo: str, revision: str, name: str) -> None:
        if not self.known(repo):
            return
        if name not in self.hub.repos[repo]:
            return self.refuse(404, "EntryNotFound", "no such file")
        body = self.hub.repos[repo][name]
        etag = sha256(body) if name.endswith(LARGE) else git_oid(body)
        if name in self.hub.damages:
            body = body[:-1] + bytes([body[-1] ^ 1])
        start = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").rstrip("-"))
        headers = {"ETag": f'"{etag}"', "X-Repo-Commit": self.hub.revision(repo), "Accept-Ranges": "bytes"}
        headers |= {"Content-Range": f"bytes {start}-{len(body) - 1}/{len(body)}"} if start else {}
        rest = body[start:]
        if (
            self.command == "GET"
            and self.hub.breaks
            and self.hub.breaks_after is not None
            and len(rest) > self.hub.breaks_after
        ):
            self.hub.breaks -= 1
            self.reply(
                206 if start else 200, rest[: self.hub.breaks_after], Content_Length=str(len(rest)), **headers
            )
            self.hub.sent += self.hub.breaks_after
            self.close_connection = True
            return
        self.hub.sent += len(rest) if self.command == "GET" else 0
        self.reply(206 if start else 200, rest, Content_Length=str(len(rest)), **headers)

    def do_PUT(self):
        [_, oid] = self.parts()
        body = self.body()
        assert sha256(body) == oid
        self.hub.store[oid] = body
        self.reply(200)

    def do_POST(self):
        parts, body = self.parts(), self.body()
        if not self.logged_in:
            return self.refuse(401, "", "Invalid username or password.")
        match parts:
            case ["api", "validate-yaml"]:
                self.reply(200, {"warnings": [], "errors": []})
            case ["api", "repos", "create"]:
                self.create(json.loads(body))
            case ["api", "models", owner, name, "preupload", _]:
                self.reply(200, {"files": [upload_mode(file) for file in json.loads(body)["files"]]})
            case ["api", "models", owner, name, "commit", _]:
                self.commit(f"{owner}/{name}", [json.loads(line) for line in body.decode().splitlines()])
            case [_, _, "info", "lfs", "objects", "batch"]:
                self.reply(
                    200,
                    {"transfer": "basic", "objects": list(map(self.transfer, json.loads(body)["objects"]))},
                )
            case _:
                self.refuse(404, "", "no such page")

    def create(self, wanted: dict) -> None:
        repo = (
            f"{wanted['organization']}/{wanted['name']}"
            if wanted.get("organization")
            else f"me/{wanted['name']}"
        )
        if not repo.startswith("me/"):
            return self.refuse(403, "", "You don't have the rights to create a model under this namespace")
        if repo in self.hub.repos:
            return self.reply(409, {"error": "You already created this model repo", "url": f"{self.hub.url}/{repo}"})
        self.hub.repos[repo] = {".gitattributes": b"*.pth filter=lfs\n"}
        if wanted.get("visibility") == "private" or wanted.get("private"):
            self.hub.private.add(repo)
        self.reply(200, {"url": f"{self.hub.url}/{repo}"})

    def transfer(self, wanted: dict) -> dict:
        if wanted["oid"] in self.hub.store:
            return wanted
        return {**wanted, "actions": {"upload": {"href": f"{self.hub.url}/store/{wanted['oid']}"}}}

    def commit(self, repo: str, lines: list[dict]) -> None:
        if self.hub.refuses_commits:
            return self.refuse(400, "", "this commit is not to our taste")
        files = dict(self.hub.repos[repo])
        for line in lines:
            value = line["value"]
            match line["key"]:
                case "file":
                    files[value["path"]] = base64.b64decode(value["content"])
                case "lfsFile":
                    files[value["path"]] = self.hub.store[value["oid"]]
                case "deletedFile":
                    del files[value["path"]]
        self.hub.repos[repo] = files
        revision = self.hub.revision(repo)
        self.reply(200, {"commitUrl": f"{self.hub.url}/{repo}/commit/{revision}", "commitOid": revision})


def upload_mode(file: dict) -> dict:
    mode = "lfs" if file["path"].endswith(LARGE) else "regular"
    return {"path": file["path"], "uploadMode": mode, "shouldIgnore": False}


@contextmanager
def stand_in_hub() -> Iterator[Hub]:
    """A server for the time of the block."""
    hub = Hub()
    handler = type("HubHandler", (Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
