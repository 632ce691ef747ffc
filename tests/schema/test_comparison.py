"""What is told of two documents that differ."""

from __future__ import annotations

from typing import Any

import pytest

from apistar.schema.narrowing import Change, Direction, Narrowing


def changes(before: dict[str, Any], after: dict[str, Any], direction: Direction) -> list[Change]:
    return list(Narrowing({}, {}).compare(before, after, direction, "it"))


@pytest.mark.parametrize("direction", Direction)
def test_equal_schemas_have_no_differences(direction: Direction) -> None:
    schema = {"type": "array", "items": {"type": "object", "additionalProperties": {"type": "string"}}}
    assert changes(schema, schema, direction) == []


def test_items_are_compared_at_any_depth() -> None:
    before = {"type": "array", "items": {"type": "array", "items": {"type": "string"}}}
    after = {"type": "array", "items": {"type": "array", "items": {"type": "integer"}}}
    assert {change.place for change in changes(before, after, Direction.INCOMING)} == {"it[][]"}
