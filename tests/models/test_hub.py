"""Downloads from a local server that speaks the hub's protocol, in processes of their own: settings are read once."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import unquote, urlsplit

import pytest

FIRST, SECOND, OFFERED = "1" * 40, "2" * 40, "3" * 40
FILES = {
    "config.json": b'{"model_type": "vit"}',
    "preprocessor_config.json": b'{"size": 224}',
    "model.safetensors": b"weights",
    "pytorch_model.bin": b"a pickle",
    "modeling_custom.py": b"raise SystemExit",
}


@dataclass
class Repository:
    """Commits by name (a branch, or the commit itself) and the files of each commit."""

    refs: dict[str, str]
    files: dict[str, dict[str, bytes]]
    gated: bool = False
    conversion: str = ""


@dataclass
class Hub:
    url: str = ""
    repositories: dict[str, Repository] = field(default_factory=dict)
    requests: list[tuple[str, str, str]] = field(default_factory=list)

    def downloads(self) -> set[str]:
        return {path.rsplit("/", 1)[-1] for method, path, _ in self.requests if method == "GET" and "/resolve/" in path}


def handler_for(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_args):
            """Stay silent: the default writes to the standard error stream."""

        def do_HEAD(self):
            self.answer(body=False)

        def do_GET(self):
            self.answer(body=True)

        def answer(self, *, body):
            path = unquote(urlsplit(self.path).path)
            hub.requests.append((self.command, path, self.headers.get("authorization", "")))
            parts = path.strip("/").split("/")
            api = parts[:2] == ["api", "models"]
            name = "/".join(parts[2:4] if api else parts[:2])
            repository = hub.repositories.get(name)
            if repository is None:
                return self.reply(404, b"", body, {"X-Error-Code": "RepoNotFound"})
            rest = parts[4:] if api else parts[2:]
            if api:
                return self.describe(repository, name, rest, body)
            return self.serve(repository, rest, body)

        def describe(self, repository, name, rest, body):
            if rest[:1] == ["discussions"]:
                offers = []
                if repository.conversion:
                    offers.append(
                        {
                            "title": "Adding `safetensors` variant of this model",
                            "num": 7,
                            "author": {"name": repository.conversion},
                            "createdAt": "2024-01-01T00:00:00.000Z",
                            "status": "open",
                            "repo": {"name": name, "type": "model"},
                            "isPullRequest": True,
                        }
                    )
                return self.json({"count": len(offers), "start": 0, "discussions": offers}, body)
            if rest[:1] == ["tree"]:
                commit = repository.refs.get("/".join(rest[1:]), rest[1])
                return self.json(
                    [
                        {"type": "file", "path": path, "size": len(data), "oid": hashlib.sha1(data).hexdigest()}
                        for path, data in repository.files[commit].items()
                    ],
                    body,
                )
            revision = "/".join(rest[1:]) if rest else "main"
            commit = repository.refs.get(revision, revision)
            if commit not in repository.files:
                return self.reply(404, b"", body, {"X-Error-Code": "RevisionNotFound"})
            return self.json({"id": name, "sha": commit}, body)

        def serve(self, repository, rest, body):
            if repository.gated and self.headers.get("authorization") != "Bearer hf_accepted":
                return self.reply(401, b"", body, {"X-Error-Code": "GatedRepo"})
            revision, file = "/".join(rest[1:-1]), rest[-1]
            commit = repository.refs.get(revision, revision)
            data = repository.files[commit].get(file)
            if data is None:
                return self.reply(404, b"", body, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": commit})
            headers = {"X-Repo-Commit": commit, "ETag": f'"{hashlib.sha1(data).hexdigest()}"'}
            return self.reply(200, data, body, headers)

        def json(self, value, body):
            self.reply(200, json.dumps(value).encode(), body, {"Content-Type": "application/json"})

        def reply(self, status, data, body, headers):
            self.send_response(status)
            for key, value in headers.items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if body:
                self.wfile.write(data)

    return Handler


@pytest.fixture
def hub():
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler_for(hub))
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield hub
    server.shutdown()
    server.server_close()
    thread.join()


DRIVER = """
import json, sys
from dataclasses import asdict
from ssl_attn.errors import SslAttnError
from ssl_attn.models import hub
function, arguments = sys.argv[1], json.loads(sys.argv[2])
try:
    answer = asdict(getattr(hub, function)(**arguments))
except SslAttnError as error:
    answer = {"error": type(error).__name__, "message": str(error)}
print(json.dumps(answer, default=str))
"""


@pytest.fixture
def ask(hub, tmp_path):
    """Call a function of `ssl_attn.models.hub` as a program started in that environment would."""

    def call(function: str, *, environment: dict[str, str] | None = None, **arguments: object) -> dict[str, str]:
        settings = {"HF_HOME": str(tmp_path / "cache"), "HF_ENDPOINT": hub.url, "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "HUGGING"))}
        done = subprocess.run(
            [sys.executable, "-c", DRIVER, function, json.dumps(arguments)],
            env={**clean, **settings, **(environment or {})},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        answer: dict[str, str] = json.loads(done.stdout)
        return answer

    return call


OFFLINE = {"HF_HUB_OFFLINE": "1"}


def test_the_first_download_resolves_the_branch_and_takes_only_what_cannot_run(hub, ask, tmp_path):
    hub.repositories["org/model"] = Repository({"main": FIRST}, {FIRST: FILES})

    snapshot = ask("fetch", hf_id="org/model")

    assert snapshot["revision"] == FIRST
    assert hub.downloads() == {"config.json", "preprocessor_config.json", "model.safetensors"}
    assert str(tmp_path / "cache") in snapshot["folder"]


def test_random_weights_download_no_weights(hub, ask):
    hub.repositories["org/model"] = Repository({"main": FIRST}, {FIRST: FILES})

    assert ask("fetch", hf_id="org/model", weights=False)["revision"] == FIRST
    assert "model.safetensors" not in hub.downloads()


def test_a_lock_holds_when_the_hub_has_moved_on(hub, ask):
    repository = Repository({"main": FIRST}, {FIRST: FILES, SECOND: {**FILES, "model.safetensors": b"retrained"}})
    hub.repositories["org/model"] = repository
    locked = ask("fetch", hf_id="org/model")["revision"]
    repository.refs["main"] = SECOND

    assert ask("fetch", hf_id="org/model", locked_revision=locked)["revision"] == FIRST
    assert ask("fetch", hf_id="org/model")["revision"] == SECOND


def test_a_lock_is_fetched_exactly_on_a_machine_that_never_had_it(hub, ask):
    hub.repositories["org/model"] = Repository({"main": SECOND}, {FIRST: FILES, SECOND: FILES})

    assert ask("fetch", hf_id="org/model", locked_revision=FIRST)["revision"] == FIRST


def test_another_commit_than_the_locked_one_is_refused(hub, ask):
    hub.repositories["org/model"] = Repository({"main": SECOND, "v1": FIRST}, {FIRST: FILES, SECOND: FILES})

    refused = ask("fetch", hf_id="org/model", revision="main", locked_revision=FIRST)
    assert refused["error"] == "UsageError"
    assert FIRST in refused["message"]
    assert SECOND in refused["message"]
    # a tag that means the locked commit is no other commit
    assert ask("fetch", hf_id="org/model", revision="v1", locked_revision=FIRST)["revision"] == FIRST


def test_what_is_cached_is_used_without_a_network(hub, ask):
    hub.repositories["org/model"] = Repository({"main": FIRST}, {FIRST: FILES})
    ask("fetch", hf_id="org/model")
    hub.requests.clear()

    assert ask("fetch", hf_id="org/model", environment=OFFLINE)["revision"] == FIRST
    assert ask("fetch", hf_id="org/model", locked_revision=FIRST, environment=OFFLINE)["revision"] == FIRST
    assert ask("fetch", hf_id="org/model", environment={"HF_ENDPOINT": "http://127.0.0.1:9"})["revision"] == FIRST
    assert not hub.requests


def test_offline_and_not_cached_says_what_to_do(ask):
    answer = ask("fetch", hf_id="org/model", environment=OFFLINE)

    assert answer["error"] == "SslAttnError"
    assert "offline mode is on: unset HF_HUB_OFFLINE" in answer["message"]
    assert "\n" not in answer["message"]


def test_an_unreachable_hub_says_what_to_do(ask):
    message = ask("fetch", hf_id="org/model", environment={"HF_ENDPOINT": "http://127.0.0.1:9"})["message"]

    assert "the hub cannot be reached" in message
    assert "name=path" in message
    assert "\n" not in message


def test_a_gated_model_needs_an_accepted_licence(hub, ask):
    hub.repositories["org/gated"] = Repository({"main": FIRST}, {FIRST: FILES}, gated=True)

    message = ask("fetch", hf_id="org/gated")["message"]
    assert "accept its licence on https://huggingface.co/org/gated" in message
    assert "hf auth login" in message
    assert "name=path" in message

    assert ask("fetch", hf_id="org/gated", environment={"HF_TOKEN": "hf_accepted"})["revision"] == FIRST


def test_a_model_that_is_not_there(ask):
    assert "org/nothing is not on the hub or is private" in ask("fetch", hf_id="org/nothing")["message"]


def test_a_revision_that_is_not_there(hub, ask):
    hub.repositories["org/model"] = Repository({"main": FIRST}, {FIRST: FILES})

    assert "has no revision v9" in ask("fetch", hf_id="org/model", revision="v9")["message"]


PICKLED = {name: data for name, data in FILES.items() if name != "model.safetensors"}


def test_pickled_weights_are_not_downloaded(hub, ask):
    hub.repositories["org/old"] = Repository({"main": FIRST}, {FIRST: PICKLED})

    message = ask("fetch", hf_id="org/old")["message"]

    assert "expected model.safetensors in org/old" in message
    assert "name=FOLDER" in message
    assert "pytorch_model.bin" not in hub.downloads()


def test_the_hubs_own_conversion_is_taken_where_there_are_only_pickles(hub, ask):
    refs = {"main": FIRST, "refs/pr/7": OFFERED}
    hub.repositories["org/old"] = Repository(refs, {FIRST: PICKLED, OFFERED: FILES}, conversion="SFconvertbot")

    assert ask("fetch", hf_id="org/old")["revision"] == OFFERED


def test_a_conversion_by_somebody_else_is_not(hub, ask):
    refs = {"main": FIRST, "refs/pr/7": OFFERED}
    hub.repositories["org/old"] = Repository(refs, {FIRST: PICKLED, OFFERED: FILES}, conversion="somebody")

    assert "expected model.safetensors" in ask("fetch", hf_id="org/old")["message"]


def test_shards_are_fetched_with_their_index(hub, ask):
    index = json.dumps(
        {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}
    )
    shards = {
        "config.json": b"{}",
        "model.safetensors.index.json": index.encode(),
        "model-00001-of-00002.safetensors": b"one",
        "model-00002-of-00002.safetensors": b"two",
    }
    hub.repositories["org/large"] = Repository({"main": FIRST}, {FIRST: shards})

    assert ask("fetch", hf_id="org/large")["revision"] == FIRST
    assert hub.downloads() == set(shards)


class TestAvailability:
    def test_reachable_says_how_much_there_is_to_download(self, hub, ask):
        weights = b"x" * 2_000_000
        hub.repositories["org/model"] = Repository({"main": FIRST}, {FIRST: {**FILES, "model.safetensors": weights}})

        answer = ask("availability", hf_id="org/model", timeout=5)

        assert answer == {"status": "reachable", "detail": "2 MB to download"}
        assert not hub.downloads()

    def test_cached(self, hub, ask):
        hub.repositories["org/model"] = Repository({"main": FIRST}, {FIRST: FILES})
        ask("fetch", hf_id="org/model")

        assert ask("availability", hf_id="org/model", timeout=5, environment=OFFLINE)["status"] == "cached"

    def test_configuration_alone_is_not_cached(self, hub, ask):
        hub.repositories["org/model"] = Repository({"main": FIRST}, {FIRST: FILES})
        ask("fetch", hf_id="org/model", weights=False)

        assert ask("availability", hf_id="org/model", timeout=5)["status"] == "reachable"

    def test_the_rest(self, hub, ask):
        hub.repositories["org/gated"] = Repository({"main": FIRST}, {FIRST: FILES}, gated=True)
        hub.repositories["org/old"] = Repository({"main": FIRST}, {FIRST: PICKLED})

        assert ask("availability", hf_id="org/gated", timeout=5)["status"] == "gated"
        assert ask("availability", hf_id="org/nothing", timeout=5)["status"] == "missing"
        assert "a conversion" in ask("availability", hf_id="org/old", timeout=5)["detail"]
        assert ask("availability", hf_id="org/old", timeout=5, environment=OFFLINE)["status"] == "offline"
        nowhere = {"HF_ENDPOINT": "http://127.0.0.1:9"}
        assert ask("availability", hf_id="org/old", timeout=5, environment=nowhere)["status"] == "unreachable"
