"""
The documents as they are served, and as they are written by another process.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from apistar import ASyncApp, Route, TestClient, WebSocket
from apistar.schema.documents import Format, Kind, document, text


async def talk(ws: WebSocket) -> None: ...


async def page() -> str:
    return ""


def client_of(**options: Any) -> TestClient:
    return TestClient(ASyncApp([Route("/talk", handler=talk), Route("/page", handler=page)], **options))


JSON, YAML = "application/json", "application/yaml"


@pytest.mark.parametrize(
    ("path", "accept", "kind", "media_type"),
    [
        ("/schema/", None, "openapi", JSON),
        ("/schema", None, "openapi", JSON),
        ("/schema/openapi", None, "openapi", JSON),
        ("/schema/asyncapi", None, "asyncapi", JSON),
        ("/schema.json", None, "openapi", JSON),
        ("/schema.yaml", None, "openapi", YAML),
        ("/schema/openapi.json", None, "openapi", JSON),
        ("/schema/openapi.yaml", None, "openapi", YAML),
        ("/schema/asyncapi.json", None, "asyncapi", JSON),
        ("/schema/asyncapi.yaml", None, "asyncapi", YAML),
        ("/schema/asyncapi", "application/yaml", "asyncapi", YAML),
        ("/schema/asyncapi", "application/x-yaml", "asyncapi", YAML),
        ("/schema/asyncapi", "text/yaml; charset=utf-8", "asyncapi", YAML),
        ("/schema/asyncapi", "TEXT/YAML", "asyncapi", YAML),
        ("/schema/asyncapi", "application/json", "asyncapi", JSON),
        ("/schema/asyncapi", "*/*", "asyncapi", JSON),
        ("/schema/asyncapi", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "asyncapi", JSON),
        ("/schema/asyncapi", "application/yaml;q=0.5, application/json;q=0.9", "asyncapi", JSON),
        ("/schema/asyncapi", "application/yaml;q=0.9, application/json;q=0.5", "asyncapi", YAML),
        ("/schema/asyncapi", "application/yaml;q=0", "asyncapi", JSON),
        ("/schema/asyncapi", "application/yaml;q=nonsense", "asyncapi", JSON),
        ("/schema/asyncapi", "nonsense", "asyncapi", JSON),
        ("/schema/asyncapi.json", "application/yaml", "asyncapi", JSON),  # what is in the path was asked for by name
        ("/schema/asyncapi.yaml", "application/json", "asyncapi", YAML),
    ],
)
def test_documents_are_served_in_the_form_that_is_asked_for(
    path: str, accept: str | None, kind: str, media_type: str
) -> None:
    response = client_of().get(path, headers={"accept": accept} if accept else {}, follow_redirects=True)
    assert response.status_code == 200
    assert response.headers["content-type"].partition(";")[0] == media_type
    assert "accept" in response.headers["vary"].lower()
    assert kind in (response.json() if media_type == JSON else yaml.safe_load(response.text))


def test_documents_are_served_where_the_application_says() -> None:
    client = client_of(schema_url="/api/v1/spec")
    assert "openapi" in client.get("/api/v1/spec").json()
    assert "openapi" in client.get("/api/v1/spec/").json()
    assert "asyncapi" in client.get("/api/v1/spec/asyncapi").json()
    assert client.get("/schema/").status_code == 404


def test_documents_are_served_at_the_root() -> None:
    client = client_of(schema_url="/")
    assert "openapi" in client.get("/").json()
    assert "asyncapi" in client.get("/asyncapi.json").json()


def test_application_without_schema_url_serves_no_documents() -> None:
    assert client_of(schema_url=None).get("/schema/").status_code == 404


def test_documents_do_not_describe_themselves() -> None:
    assert set(client_of().get("/schema/").json()["paths"]) == {"/page"}


def test_documents_say_what_the_application_says_of_itself() -> None:
    client = client_of(
        title="Talk", version="2.1", description="Talks.", servers=["https://talk.example/v2", "wss://other.example"]
    )
    openapi, asyncapi = client.get("/schema/").json(), client.get("/schema/asyncapi").json()
    assert openapi["info"] == asyncapi["info"] == {"title": "Talk", "version": "2.1", "description": "Talks."}
    assert openapi["servers"] == [{"url": "https://talk.example/v2"}, {"url": "wss://other.example"}]
    assert asyncapi["servers"] == {
        "server": {"host": "talk.example", "protocol": "wss", "pathname": "/v2"},
        "server1": {"host": "other.example", "protocol": "wss"},
    }


def test_asyncapi_document_names_the_host_that_was_asked() -> None:
    client = client_of()
    for host in ("one.example", "two.example:8080"):
        servers = client.get("/schema/asyncapi", headers={"host": host}).json()["servers"]
        assert [server["host"] for server in servers.values()] == [host]


SCRIPT = """
from apistar.schema.documents import Format, Kind, document, text
from tests.schema.application import build
reference = build().reference()
print(*(text(document(reference, kind), Format.YAML) for kind in Kind), sep="")
"""


def test_documents_are_the_same_from_run_to_run() -> None:
    from tests.schema.application import build

    def written(seed: str) -> str:
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        root = Path(__file__).parents[2]
        run = subprocess.run(
            [sys.executable, "-c", SCRIPT], cwd=root, env=environment, capture_output=True, text=True, check=True
        )
        return run.stdout.rstrip("\n")

    reference = build().reference()
    here = "".join(text(document(reference, kind), Format.YAML) for kind in Kind).rstrip("\n")
    assert written("1") == written("2") == here
