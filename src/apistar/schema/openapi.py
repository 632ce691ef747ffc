"""
The OpenAPI 3.1 document of the HTTP routes.

Source: the OpenAPI Specification 3.1.1 (https://spec.openapis.org/oas/v3.1.1.html).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final, TypeAlias

from ..messages.description import Schema
from .definitions import used
from .reference import Content, Documentation, HTTPOperation, Parameter, Reference, Server

Document: TypeAlias = dict[str, Any]

VERSION: Final = "3.1.0"
PROBLEM: Final = "application/problem+json"
PROBLEM_NAME: Final = "Problem"
PROBLEM_SCHEMA: Final[Schema] = {
    "title": "Problem",
    "description": "An error (RFC 9457).",
    "type": "object",
    "properties": {
        "title": {"type": "string", "description": "The status in words."},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What went wrong this time."},
    },
    "required": ["title", "status"],
}

_IGNORED_HEADERS: Final = frozenset({"accept", "content-type", "authorization"})
"""OpenAPI 3.1 §4.8.12.1: definitions of these are ignored; what stands for the last is a security scheme."""


def openapi(reference: Reference, servers: Sequence[Server] = ()) -> Document:
    """
    Write the document.

    Args:
        reference: The description of the application.
        servers: Where it is to be found, if the description does not say.
    """
    paths: dict[str, Document] = {}
    for operation in reference.operations:
        path = operation.path.replace("{+", "{")
        paths.setdefault(path, {})[operation.method.lower()] = _operation(operation)
    document: Document = {"openapi": VERSION, "info": _info(reference)}
    if found := reference.info.servers or tuple(servers):
        document["servers"] = [
            _without_empty({"url": server.url, "description": server.description}) for server in found
        ]
    tags = sorted({tag for operation in reference.operations for tag in operation.documentation.tags})
    document["paths"] = paths
    definitions = used(paths, reference.definitions)
    if any(operation.denials for operation in reference.operations):
        definitions.setdefault(PROBLEM_NAME, PROBLEM_SCHEMA)
    names = {name for operation in reference.operations for name in operation.security}
    schemes = {name: dict(scheme) for name, scheme in reference.security_schemes.items() if name in names}
    components = _without_empty({"schemas": definitions, "securitySchemes": schemes})
    if components:
        document["components"] = components
    if tags:
        document["tags"] = [{"name": tag} for tag in tags]
    return document


def _info(reference: Reference) -> Document:
    info = reference.info
    return _without_empty({"title": info.title, "version": info.version, "description": info.description})


def _operation(operation: HTTPOperation) -> Document:
    documented = _documented(operation.documentation)
    parameters = [_parameter(parameter) for parameter in operation.parameters if not _is_ignored(parameter)]
    if parameters:
        documented["parameters"] = parameters
    if operation.body is not None:
        documented["requestBody"] = {"content": _content(operation.body), "required": operation.body_required}
    documented["responses"] = dict(_responses(operation))
    if operation.security:
        documented["security"] = [{name: [] for name in operation.security}]
    return documented


def _documented(documentation: Documentation) -> Document:
    return _without_empty(
        {
            "operationId": documentation.id,
            "summary": documentation.summary,
            "description": documentation.description,
            "tags": list(documentation.tags),
            "deprecated": documentation.deprecated,
        }
    )


def _is_ignored(parameter: Parameter) -> bool:
    return parameter.place == "header" and parameter.name in _IGNORED_HEADERS


def _parameter(parameter: Parameter) -> Document:
    schema = dict(parameter.schema)
    description = parameter.description or schema.pop("description", "")
    if parameter.rest:
        description = f"{description} The rest of the path, slashes included.".strip()
    return _without_empty(
        {
            "name": parameter.name,
            "in": parameter.place,
            "description": description,
            "required": parameter.required,
            "deprecated": schema.get("deprecated", False),
            "schema": schema,
        }
    )


def _content(content: Content) -> Document:
    media: Document = {} if content.schema is None else {"schema": content.schema}
    return dict.fromkeys(content.media_types, media)


def _responses(operation: HTTPOperation) -> Iterator[tuple[str, Document]]:
    success: Document = {"description": operation.status_description}
    if operation.returns is not None:
        success["content"] = _content(operation.returns)
    yield str(operation.status), success
    if operation.may_be_empty:
        yield "204", {"description": HTTPStatus.NO_CONTENT.phrase}
    reference = {"$ref": f"#/components/schemas/{PROBLEM_NAME}"}
    for denial in operation.denials:
        if denial.code != operation.status:
            yield (
                str(denial.code),
                {"description": denial.description, "content": {PROBLEM: {"schema": reference}}},
            )


def _without_empty(document: Mapping[str, Any]) -> Document:
    return {name: value for name, value in document.items() if value not in (None, "", False, [], {}, ())}
