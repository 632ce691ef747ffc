"""
The documents in front of other people's validators.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from apistar.schema.openapi import Document
from tests.requirements import NODE_FOLDER

SCRIPT = """
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
const { Parser } = createRequire(process.argv[1] + '/')('@asyncapi/parser');
const parser = new Parser();
const verdicts = [];
for (const text of JSON.parse(readFileSync(0, 'utf8'))) {
  const found = await parser.parse(text);
  verdicts.push({
    parsed: found.document !== undefined,
    diagnostics: found.diagnostics.map(one => ({ code: one.code, message: one.message, path: one.path.join('.') })),
  });
}
console.log(JSON.stringify(verdicts));
"""


@dataclass(frozen=True, slots=True)
class Verdict:
    """
    What AsyncAPI's own parser says.

    Attributes:
        parsed: Whether it took the document.
        complaints: Errors, warnings and hints but for one: that 3.1 is newer than the 3.0 we write.
    """

    parsed: bool
    complaints: list[str]


def judge_asyncapi(document: Document) -> Verdict:
    """Have npm's `@asyncapi/parser` read a document."""
    return judge_all_asyncapi([document])[0]


def judge_all_asyncapi(documents: Sequence[Document]) -> list[Verdict]:
    """Have it read several; starting it takes longer than reading."""
    result = subprocess.run(
        ["node", "--input-type=module", "-e", SCRIPT, str(Path(NODE_FOLDER).resolve())],
        input=json.dumps([json.dumps(document) for document in documents]),
        capture_output=True,
        text=True,
        timeout=150,
        check=True,
    )
    return [_verdict(found) for found in json.loads(result.stdout)]


def _verdict(found: Any) -> Verdict:
    complaints = [one for one in found["diagnostics"] if one["code"] != "asyncapi-latest-version"]
    return Verdict(found["parsed"], [f"{one['path']}: {one['message']}" for one in complaints])
