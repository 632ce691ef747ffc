"""
What changed between two documents of one application, as `apistar schema --check FILE` says it.

    breaking    PUT /orders/{id}, body.colour: is no longer "blue"
    breaking    /chat/{room}, clients send: Leave was removed
    compatible  GET /health: was added

Operations and channels are matched by method and path, whatever their parameters are called. Any difference is
reported; texts for people (titles, descriptions, examples) are compatible.

Sources: the OpenAPI Specification 3.1, the AsyncAPI Specification 3.0.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, cast

from ..exceptions import ConfigurationError
from .definitions import resolved
from .narrowing import Change, Direction, Narrowing
from .openapi import Document

_METHODS: Final = ("get", "put", "post", "delete", "options", "head", "patch", "trace")


def compare(before: Document, after: Document) -> list[Change]:
    """
    Compare two documents of one kind, breaking changes first.

    Raises:
        ConfigurationError: If they are not of one kind.
    """
    for kind, comparison in (("openapi", _OpenAPI), ("asyncapi", _AsyncAPI)):
        if kind in before and kind in after:
            changes = list(comparison(before, after).changes())
            changes.extend(_schemes(before, after))
            changes.extend(_texts(before, after))
            if not changes and before != after:
                changes.append(Change(kind, "was written differently", False))
            return sorted(dict.fromkeys(changes), key=lambda change: not change.breaking)
    raise ConfigurationError(
        "the two documents are not of one kind: compare OpenAPI with OpenAPI, AsyncAPI with AsyncAPI"
    )


def report(changes: Sequence[Change]) -> str:
    """The changes as lines for a person; empty where there are none."""
    return "\n".join(
        f"{'breaking' if change.breaking else 'compatible':<10}  {change.place}: {change.text}" for change in changes
    )


class _Comparison:
    def __init__(self, before: Document, after: Document) -> None:
        self.before = before
        self.after = after
        self.narrowing = Narrowing(_at(before, "components", "schemas"), _at(after, "components", "schemas"))

    def parameters(self, before: Mapping[str, Document], after: Mapping[str, Document], place: str) -> Iterator[Change]:
        """Parameters by place and name; each has `schema` and `required`."""
        for name, parameter in before.items():
            if name not in after:
                yield Change(f"{place}, {name}", "was removed", False)
                continue
            was, now = parameter.get("required", False), after[name].get("required", False)
            if was != now:
                yield Change(f"{place}, {name}", "is now required" if now else "is now optional", now)
            yield from self.schemas(parameter, after[name], Direction.INCOMING, f"{place}, {name}")
        for name, parameter in after.items():
            if name not in before:
                required = parameter.get("required", False)
                yield Change(f"{place}, {name}", f"was added, {'required' if required else 'optional'}", required)

    def schemas(self, before: Document, after: Document, direction: Direction, place: str) -> Iterator[Change]:
        yield from self.narrowing.compare(before.get("schema", {}), after.get("schema", {}), direction, place)

    def security(self, before: Document, after: Document, place: str) -> Iterator[Change]:
        old, new = _security(before), _security(after)
        for name in sorted(new - old):
            yield Change(place, f"now asks for {name}", True)
        for name in sorted(old - new):
            yield Change(place, f"no longer asks for {name}", False)

    def deprecation(self, before: Document, after: Document, place: str, keyword: str) -> Iterator[Change]:
        if before.get(keyword, False) != after.get(keyword, False):
            yield Change(place, "is now deprecated" if after.get(keyword) else "is no longer deprecated", False)


class _OpenAPI(_Comparison):
    def changes(self) -> Iterator[Change]:
        before, after = self._operations(self.before), self._operations(self.after)
        for key, (place, old) in before.items():
            if key not in after:
                yield Change(place, "was removed", True)
                continue
            new = after[key][1]
            yield from self.parameters(_parameters(old), _parameters(new), place)
            yield from self._body(old, new, place)
            yield from self._responses(old, new, place)
            yield from self.security(old, new, place)
            yield from self.deprecation(old, new, place, "deprecated")
        for key, (place, _) in after.items():
            if key not in before:
                yield Change(place, "was added", False)

    def _operations(self, document: Document) -> dict[tuple[str, str], tuple[str, Document]]:
        return {
            (_shape(path), method): (f"{method.upper()} {path}", item[method])
            for path, item in _at(document, "paths").items()
            for method in _METHODS
            if method in item
        }

    def _body(self, before: Document, after: Document, place: str) -> Iterator[Change]:
        old, new = before.get("requestBody"), after.get("requestBody")
        if old is None and new is not None:
            yield Change(place, "now takes a body", new.get("required", False))
        elif old is not None and new is None:
            yield Change(place, "no longer takes a body", False)
        elif old is not None and new is not None:
            yield from self._contents(old, new, Direction.INCOMING, f"{place}, body")

    def _responses(self, before: Document, after: Document, place: str) -> Iterator[Change]:
        old, new = _at(before, "responses"), _at(after, "responses")
        for status in sorted(old.keys() | new.keys()):
            where = f"{place}, {status}"
            success = status.startswith("2")
            if status not in new:
                yield Change(where, "was removed", success)
            elif status not in old:
                yield Change(where, "was added", success)
            else:
                yield from self._contents(old[status], new[status], Direction.OUTGOING, where)

    def _contents(self, before: Document, after: Document, direction: Direction, place: str) -> Iterator[Change]:
        old, new = _at(before, "content"), _at(after, "content")
        for media_type in sorted(old.keys() | new.keys()):
            if media_type not in new:
                yield Change(place, f"is no longer {media_type}", True)
            elif media_type not in old:
                yield Change(place, f"may now be {media_type}", direction is Direction.OUTGOING)
            else:
                yield from self.schemas(old[media_type], new[media_type], direction, place)


class _AsyncAPI(_Comparison):
    def changes(self) -> Iterator[Change]:
        before, after = self._channels(self.before), self._channels(self.after)
        for key, (name, old) in before.items():
            place = old["address"]
            if key not in after:
                yield Change(place, "was removed", True)
                continue
            new_name, new = after[key]
            yield from self._messages(name, new_name, place)
            yield from self._handshake(old, new, place)
            yield from self.deprecation(old, new, place, "x-deprecated")
        for key, (_, new) in after.items():
            if key not in before:
                yield Change(new["address"], "was added", False)

    def _channels(self, document: Document) -> dict[str, tuple[str, Document]]:
        channels = _at(document, "channels")
        return {_shape(channel["address"]): (name, channel) for name, channel in channels.items()}

    def _messages(self, before: str, after: str, place: str) -> Iterator[Change]:
        for action, direction in (("receive", Direction.INCOMING), ("send", Direction.OUTGOING)):
            old_operation, old = self._operation(self.before, before, action)
            new_operation, new = self._operation(self.after, after, action)
            where = f"{place}, {direction.value}"
            called = self._names_now(old, new)
            for name, message in old.items():
                if name not in called:
                    yield Change(where, f"{name} was removed", True)
                    continue
                other = new[called[name]]
                if called[name] != name:
                    yield Change(f"{where}, {name}", f"is now called {called[name]}, with the same tag", False)
                for keyword, word in (("contentType", "content"), ("x-frame", "frame")):
                    if message.get(keyword) != other.get(keyword):
                        yield Change(f"{where}, {name}", f"{word} is now {other.get(keyword)}", True)
                payloads = ({"schema": message.get("payload", {})}, {"schema": other.get("payload", {})})
                yield from self.schemas(*payloads, direction, f"{where}, {name}")
                yield from self.deprecation(message, other, f"{where}, {name}", "x-deprecated")
            for name in new:
                if name not in called.values():
                    yield Change(where, f"{name} was added", False)
            yield from self.security(old_operation, new_operation, where)

    def _names_now(self, before: Mapping[str, Document], after: Mapping[str, Document]) -> dict[str, str]:
        """What each message is called now: clients know a message by its tag, not by the name of its class."""
        names = {name: name for name in before if name in after}
        tags = {tag: name for name in after if name not in names and (tag := _tag(after[name], self.narrowing.after))}
        for name in before:
            tag = _tag(before[name], self.narrowing.before)
            if name not in names and tag in tags:
                names[name] = tags.pop(tag)
        return names

    def _operation(self, document: Document, channel: str, action: str) -> tuple[Document, dict[str, Document]]:
        """
        The operation of a channel and an action, with its messages by their own names.

        Their keys are no names: which of two messages of one name is `Talk_2` depends on other routes.
        """
        operation = _at(document, "operations", f"{channel}.{action}")
        messages = _at(document, "components", "messages")
        keys = [str(reference["$ref"]).rpartition("/")[2] for reference in operation.get("messages", [])]
        return operation, {messages.get(key, {}).get("name", key): messages.get(key, {}) for key in keys}

    def _handshake(self, before: Document, after: Document, place: str) -> Iterator[Change]:
        yield from self.parameters(_bound(before), _bound(after), place)
        old, new = before.get("x-subprotocols", {}), after.get("x-subprotocols", {})
        for name in sorted(old.keys() - new.keys()):
            yield Change(place, f"subprotocol {name} was removed", True)
        for name in sorted(new.keys() - old.keys()):
            yield Change(place, f"subprotocol {name} was added", False)
        for keyword, word in (("x-denials", "refused"), ("x-close-codes", "closed")):
            codes = [_at(document, keyword) for document in (before, after)]
            for code in sorted(codes[1].keys() - codes[0].keys()):
                yield Change(place, f"may now be {word} with {code}", False)
            for code in sorted(codes[0].keys() - codes[1].keys()):
                yield Change(place, f"is no longer {word} with {code}", False)
        limits = [document.get("x-max-message-bytes") for document in (before, after)]
        if limits[0] != limits[1]:
            lower = limits[1] is not None and (limits[0] is None or limits[1] < limits[0])
            yield Change(place, f"messages may now have {limits[1]} bytes, could have {limits[0]}", lower)


def _tag(message: Document, definitions: Mapping[str, Document]) -> str:
    """What tells a message from others on the wire; nothing where it has no tag."""
    properties = _at(resolved(message.get("payload", {}), definitions), "properties")
    return str({name: field["const"] for name, field in properties.items() if "const" in field} or "")


def _parameters(operation: Document) -> dict[str, Document]:
    """Parameters by place and name; those of the path by position, since their names are nobody's business."""
    found: dict[str, Document] = {}
    position = 0
    for parameter in operation.get("parameters", []):
        if parameter["in"] == "path":
            position += 1
            found[f"path parameter {position}"] = parameter
        else:
            found[f"{parameter['in']} parameter {parameter['name']}"] = parameter
    return found


def _bound(channel: Document) -> dict[str, Document]:
    """The parameters of a handshake, from the WebSockets binding."""
    binding = {**_at(channel, "bindings", "ws"), "x-cookies": channel.get("x-cookies", {})}
    found: dict[str, Document] = {}
    for place, word in (("query", "query parameter"), ("headers", "header"), ("x-cookies", "cookie")):
        described = binding.get(place, {})
        for name, schema in described.get("properties", {}).items():
            if name != "Sec-WebSocket-Protocol":
                found[f"{word} {name}"] = {"schema": schema, "required": name in described.get("required", [])}
    return found


def _schemes(before: Document, after: Document) -> Iterator[Change]:
    """Security schemes that are not what they were; whether an operation asks for one is said of the operation."""
    old, new = (_at(document, "components", "securitySchemes") for document in (before, after))
    for name in old:
        if name in new and old[name] != new[name]:
            yield Change(f"security scheme {name}", "is another one", True)


def _security(operation: Document) -> set[str]:
    names: set[str] = set()
    for requirement in operation.get("security", []):
        names.update([requirement["$ref"].rpartition("/")[2]] if "$ref" in requirement else requirement)
    return names


def _shape(path: str) -> str:
    return re.sub(r"\{[^}]*\}", "{}", path)


def _at(document: Document, *keys: str) -> dict[str, Any]:
    """The mapping at a place, or an empty one."""
    found: Any = document
    for key in keys:
        found = found.get(key, {}) if isinstance(found, dict) else {}
    return cast("dict[str, Any]", found if isinstance(found, dict) else {})


_TEXTS: Final = frozenset({"title", "summary", "description", "version", "examples", "example", "tags", "servers"})


def _texts(before: object, after: object, place: str = "") -> Iterator[Change]:
    """Differences in what is written for people."""
    if not isinstance(before, dict) or not isinstance(after, dict):
        return
    for key in [*before, *(key for key in after if key not in before)]:
        where = f"{place}.{key}" if place else str(key)
        old, new = before.get(key), after.get(key)
        if old == new:
            continue
        if isinstance(old, dict) and isinstance(new, dict):
            yield from _texts(old, new, where)
        elif key in _TEXTS and not isinstance(old, dict) and not isinstance(new, dict):
            yield Change(where, "was changed" if old and new else "was added" if new else "was removed", False)
