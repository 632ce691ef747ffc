"""
A document as YAML: block style, keys in the order of the document, strings quoted wherever they could be misread.

Only what JSON can say is written, so that any YAML 1.1 or 1.2 reader gets back what the JSON document says.

Source: YAML 1.2.2 §7.3 (scalars), §8.2 (block collections); YAML 1.1's wider set of words and numbers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Final

_PLAIN: Final = re.compile(r"[A-Za-z$/_][A-Za-z0-9$/_.,;{}+()'’…§→ -]*(?<! )")
"""Strings that no reader takes for anything else; a colon, a number sign or a quote sends a string to JSON's form."""

_WORDS: Final = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan", "inf"})
"""What YAML 1.1 reads as a boolean, a null or a number."""


def to_yaml(document: object) -> str:
    """Write a document; it must be made of what JSON has."""
    return "\n".join(_lines(document)) + "\n"


def _lines(node: object) -> Iterator[str]:
    if isinstance(node, dict) and node:
        for key, value in node.items():
            yield from _entry(f"{_scalar(str(key))}:", value)
    elif isinstance(node, list) and node:
        for value in node:
            lines = list(_lines(value))
            yield f"- {lines[0]}"
            yield from (f"  {line}" for line in lines[1:])
    else:
        yield _scalar(node)


def _entry(key: str, value: object) -> Iterator[str]:
    if isinstance(value, dict | list) and value:
        yield key
        yield from (f"  {line}" for line in _lines(value))
    elif isinstance(value, str) and "\n" in value and _is_block(value):
        yield f"{key} |-"
        yield from (f"  {line}" if line else "" for line in value.split("\n"))
    else:
        yield f"{key} {_scalar(value)}"


def _is_block(text: str) -> bool:
    """Whether a text survives as a literal block: printable lines, no margin at its start, no line break at its end."""
    lines = text.split("\n")
    return all(line.isprintable() for line in lines) and not lines[0].startswith(" ") and bool(lines[0] and lines[-1])


def _scalar(value: object) -> str:
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    text = json.dumps(value, ensure_ascii=False)
    if isinstance(value, float) and "." not in text:
        return text.replace("e", ".0e")  # YAML 1.1 takes 1e+16 for a string
    return text if text.isprintable() else "".join(map(_escaped, text))


def _escaped(char: str) -> str:
    if char.isprintable():
        return char
    return f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}"
