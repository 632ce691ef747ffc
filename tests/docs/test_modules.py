"""
The page's modules without a browser: what they hold to be valid is what the server takes, and bytes are the same bytes.
"""

from __future__ import annotations

import atexit
import json
import random
import shutil
import subprocess
import tempfile
from datetime import datetime, time, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import pytest

from apistar.docs.assets import FOLDER
from apistar.messages.description import describe
from tests.docs.application import Draw, Leave, Order, Person, Say
from tests.docs.extremes import Add, Multiply, Node

pytestmark = [pytest.mark.requires("node")]

Local = Annotated[time, msgspec.Meta(tz=False)]

VALUES: Final[list[tuple[Any, Any]]] = [
    (Say, {"type": "say", "text": "hello"}),
    (Say, {"type": "say", "text": ""}),
    (Say, {"type": "say", "text": "é" * 120}),
    (Say, {"type": "say", "text": "é" * 121}),
    (Say, {"type": "say", "text": 7}),
    (Say, {"type": "say"}),
    (Say, {"type": "shout", "text": "hello"}),
    (Say, {"type": "say", "text": "x", "mood": "loud"}),
    (Say, {"type": "say", "text": "x", "mood": "wild"}),
    (Say, {"type": "say", "text": "x", "reply": None}),
    (Say, {"type": "say", "text": "x", "reply": 0}),
    (Say, {"type": "say", "text": "x", "reply": -1}),
    (Say, {"type": "say", "text": "x", "reply": 1.5}),
    (Say, {"type": "say", "text": "x", "unknown": 1}),
    (Say, []),
    (Say, None),
    (Draw, {"type": "draw", "points": [[1, 2.5]]}),
    (Draw, {"type": "draw", "points": []}),
    (Draw, {"type": "draw", "points": [[1, "2"]]}),
    (Draw, {"type": "draw", "points": [[1, 2, 3]]}),
    (Draw, {"type": "draw", "points": [[1]]}),
    (Say | Draw | Leave, {"type": "leave"}),
    (Say | Draw | Leave, {"type": "draw", "points": [[0, 0]]}),
    (Say | Draw | Leave, {"type": "run"}),
    (Say | Draw | Leave, {"text": "hello"}),
    (Order, {"item": "soup", "count": 99}),
    (Order, {"item": "soup", "count": 100}),
    (Order, {"item": "soup", "count": True}),
    (Person, {"name": "Ada", "friends": [{"name": "Grace", "friends": []}]}),
    (Person, {"name": "Ada", "friends": [{"name": 1}]}),
    (dict[str, int], {"a": 1}),
    (dict[str, int], {"a": "1"}),
    (list[int | str], [1, "a"]),
    (list[int | str], [1, None]),
    (int | None, "no"),
    *((datetime, f"2026-01-31T{text}") for text in ("12:00:00", "12:00:00Z", "12:00:00.5+01:00", "12:00", "25")),
    *((time, text) for text in ("12:00:00", "12:00:00Z", "12:00", "noon")),
    *((Local, text) for text in ("12:00:00", "noon")),
    (datetime, "2026-01-31 12:00:00"),
    (datetime, "today"),
    *((Decimal, text) for text in ("1", "-.5e+3", "5.", "NaN", "-inf", "", "abc", "1.2.3")),
    *((timedelta, text) for text in ("PT1M", "-P1DT2H", "PT1.5S", "P", "PT", "P1Y", "1", "PT1M1H")),
]


Even = Annotated[int, msgspec.Meta(ge=3, multiple_of=2)]
Negative = Annotated[float, msgspec.Meta(lt=0)]


@cache
def modules() -> Path:
    """The page's files in a folder that node takes for modules."""
    folder = Path(tempfile.mkdtemp(prefix="apistar-modules-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    shutil.copytree(FOLDER, folder, dirs_exist_ok=True)
    (folder / "package.json").write_text('{"type": "module"}')
    return folder


def node(program: str, **data: Any) -> Any:
    """Run a module of ours in node; `data` is there under its names, and what `give` is called with comes back."""
    names = "".join(f"const {name} = {json.dumps(value)};\n" for name, value in data.items())
    source = (
        f"const load = (name) => import({json.dumps(modules().as_uri())} + `/${{name}}.js`);\n"
        + "const give = (value) => console.log(JSON.stringify(value));\n"
        + names
        + program
    )
    done = subprocess.run(
        ["node", "--input-type=module", "-"],
        input=source,
        capture_output=True,
        text=True,
        check=False,
        timeout=150,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def taken(tp: Any, value: Any) -> bool:
    try:
        msgspec.convert(value, tp)
    except msgspec.ValidationError:
        return False
    return True


def test_page_finds_fault_where_the_server_does() -> None:
    described = describe([tp for tp, _ in VALUES])
    found = node(
        """
        const { Schemas } = await load("schema");
        const { faults } = await load("validation");
        const schemas = new Schemas(definitions);
        const words = ({ path, text }) => `${path}: ${text}`;
        give(values.map((value, index) => faults(value, types[index], schemas).map(words)));
        """,
        definitions=described.definitions,
        types=described.incoming,
        values=[value for _, value in VALUES],
    )
    disagreed = [
        (tp, value, faults)
        for (tp, value), faults in zip(VALUES, found, strict=True)
        if taken(tp, value) != (not faults)
    ]
    assert not disagreed
    assert found[4] == ["$.text: expected str, got int"]
    assert found[23] == ['$.type: expected one of "say", "draw", "leave", got "run"']


def test_samples_are_taken_by_the_server() -> None:
    """What the form begins with can be sent as it is, wherever a schema alone says what fits."""
    types = [
        *(Say, Draw, Leave, Order, Person, dict[str, int], list[int | str], tuple[int, str], bool, None),
        *(Add, Multiply, Node, Add | None, list[Multiply], Even, Negative, datetime, time, Local),
    ]
    described = describe(types)
    found = node(
        """
        const { Schemas } = await load("schema");
        const schemas = new Schemas(definitions);
        give(types.map((type) => schemas.sample(type)));
        """,
        definitions=described.definitions,
        types=described.incoming,
    )
    for tp, sample in zip(types, found, strict=True):
        assert taken(tp, sample), (tp, sample)


def test_sample_of_a_grammar_is_small() -> None:
    """Each of thirty types holds two of any of them, but for the last."""
    rules = {"anyOf": [{"$ref": f"#/components/schemas/T{index}"} for index in range(30)]}
    pair = {"type": "object", "properties": {"left": rules, "right": rules}, "required": ["left", "right"]}
    definitions: dict[str, Any] = {f"T{index}": pair for index in range(29)} | {"T29": {"type": "string"}}
    found = node(
        """
        const { Schemas } = await load("schema");
        give(new Schemas(definitions).sample({ $ref: "#/components/schemas/T0" }));
        """,
        definitions=definitions,
    )
    assert found == {"left": "", "right": ""}


def test_types_read_as_they_were_written() -> None:
    described = describe([list[tuple[float, float]], dict[str, list[Person]], int | None, Say | Leave])
    found = node(
        """
        const { Schemas } = await load("schema");
        const schemas = new Schemas(definitions);
        give(types.map((type) => schemas.text(type)));
        """,
        definitions=described.definitions,
        types=described.incoming,
    )
    assert found == ["list[tuple[float, float]]", "dict[str, list[Person]]", "int | None", "Say | Leave"]


def test_json_tells_the_place_of_every_value_and_of_the_first_fault() -> None:
    good = '{ "a": [1, {"b": "x\\u00e9\\n"}], "c d": -1.5e3, "e": null }'
    bad = ['{"a": 1,}', "{a: 1}", "[1 2]", "", '{"a": "x', "tru", "1 2", '{"a" 1}', "[01]", '["\t"]']
    program = """
        const { parsed, JSONFault } = await load("json");
        const { value, places } = parsed(good);
        const faults = bad.map((text) => {
          try {
            parsed(text);
            return null;
          } catch (error) {
            return error instanceof JSONFault ? error.start : "other";
          }
        });
        give({ value, places: [...places].map(([path, [start, end]]) => [path, good.slice(start, end)]), faults });
    """
    found = node(program, good=good, bad=bad)
    assert found["value"] == json.loads(good)
    places = dict(found["places"])
    assert places["$.a[1].b"] == '"x\\u00e9\\n"'
    assert places['$["c d"]'] == "-1.5e3"
    assert all(json.loads(text) is not Ellipsis for text in places.values())
    assert found["faults"] == [8, 1, 3, 0, 6, 0, 2, 5, 2, 1]


def value_of(source: random.Random, depth: int = 0) -> Any:
    kind = source.randrange(8 if depth < 4 else 6)
    match kind:
        case 0:
            return None
        case 1:
            return source.random() < 0.5
        case 2:
            return source.randint(-(2**53) + 1, 2**53 - 1) >> source.randrange(53)
        case 3:
            return source.uniform(-1e9, 1e9)
        case 4 | 5:
            return "aé€😀"[: source.randrange(5)] * source.choice([1, 10, 100])
        case 6:
            return [value_of(source, depth + 1) for _ in range(source.choice([0, 3, 20]))]
        case _:
            return {f"k{index}": value_of(source, depth + 1) for index in range(source.choice([0, 3, 20]))}


def test_msgpack_is_the_servers_in_both_directions() -> None:
    source = random.Random(7)
    values = [value_of(source) for _ in range(60)] + ["x" * 70_000, list(range(70_000))]
    packed = [msgspec.msgpack.encode(value).hex() for value in values]
    found = node(
        """
        const { encode, decode } = await load("msgpack");
        const { fromHex } = await load("record");
        give({
          decoded: packed.map((hex) => decode(fromHex(hex))),
          encoded: values.map((value) => Buffer.from(encode(value)).toString("hex")),
        });
        """,
        values=values,
        packed=packed,
    )
    assert found["decoded"] == values
    assert [msgspec.msgpack.decode(bytes.fromhex(text)) for text in found["encoded"]] == values


def test_msgpack_that_ends_early_or_late_is_a_fault() -> None:
    found = node(
        """
        const { decode } = await load("msgpack");
        const { fromHex } = await load("record");
        give(texts.map((text) => {
          try {
            return decode(fromHex(text));
          } catch (error) {
            return error.message;
          }
        }));
        """,
        texts=["", "a5616263", "92c0", "c0c0", "c1", "dd7fffffff"],
    )
    early = "the bytes end within a value"
    assert found == [early, early, early, "bytes follow the value", "no value begins with 0xc1", early]


def test_record_keeps_the_newest_and_says_how_many_it_let_go() -> None:
    found = node(
        """
        const { Record, KEPT_ENTRIES, KEPT_BYTES } = await load("record");
        const many = new Record();
        const add = (record, data) => record.add({ direction: "received", kind: "text", data });
        for (let index = 0; index < KEPT_ENTRIES + 10_000; index += 1) add(many, String(index));
        const large = new Record();
        for (let index = 0; index < 100; index += 1) add(large, "x".repeat(1_000_000));
        give({
          kept: many.length, limit: KEPT_ENTRIES, dropped: many.dropped,
          first: many.at(0).data, last: many.at(many.length - 1).data,
          array: many.entries.length, bytes: large.bytes <= KEPT_BYTES, some: large.length > 10,
        });
        """
    )
    assert found["kept"] == found["limit"]
    assert (found["dropped"], found["first"], found["last"]) == (10_000, "10000", "29999")
    assert found["array"] < found["limit"] + 5000
    assert found["bytes"]
    assert found["some"]


def test_saved_session_comes_back_as_it_was() -> None:
    found = node(
        """
        const { Record } = await load("record");
        const record = new Record();
        record.add({ direction: "sent", kind: "text", data: "hé", name: "Say", at: 5 });
        record.add({ direction: "received", kind: "binary", data: Uint8Array.of(0, 255, 7), at: 9.25 });
        const text = record.saved({ path: "/x", form: { "path.room": "lobby" } });
        const again = new Record();
        const about = again.restore(text);
        const refused = [];
        const session = (entry) => `{"format": "apistar-session", "entries": [${entry}]}`;
        const bads = ["", "[]", "{}", session("{}"), session("null")];
        for (const bad of bads) {
          try {
            new Record().restore(bad);
          } catch (error) {
            refused.push(error.message);
          }
        }
        const plain = ({ at, gap, direction, kind, data, size, name }) =>
          ({ at, gap, direction, kind, data: typeof data === "string" ? data : [...data], size, name });
        give({ about, entries: again.entries.map(plain), refused });
        """
    )
    assert (found["about"]["path"], found["about"]["form"]) == ("/x", {"path.room": "lobby"})
    text, binary = found["entries"]
    assert text == {"at": 5, "gap": None, "direction": "sent", "kind": "text", "data": "hé", "size": 3, "name": "Say"}
    assert (binary["at"], binary["gap"], binary["kind"], binary["data"]) == (9.25, 4.25, "binary", [0, 255, 7])
    assert len(found["refused"]) == 5


def test_saved_session_keeps_the_time_of_day() -> None:
    found = node(
        """
        const { Record } = await load("record");
        const entry = '{"at_ms": 5, "direction": "sent", "kind": "text", "text": "a"}';
        const times = ["2026-01-01T00:00:00Z", "275760-09-13T00:00:00Z"].map((began) => {
          const record = new Record();
          record.restore(`{"format": "apistar-session", "began": "${began}", "entries": [${entry}]}`);
          return record.at(0).epoch;
        });
        give({ past: Math.round(times[0]) - Date.parse("2026-01-01T00:00:00Z"), future: times[1] <= Date.now() + 6 });
        """
    )
    assert found == {"past": 5, "future": True}


def test_message_of_a_million_faults_has_a_hundred() -> None:
    found = node(
        """
        const { faults } = await load("validation");
        const { Schemas } = await load("schema");
        const list = { type: "array", items: { type: "integer" } };
        const whole = { type: "object", properties: { a: list }, additionalProperties: false };
        const wrong = Array(1_000_000).fill("x");
        const unknown = Object.fromEntries(Array.from({ length: 200_000 }, (_, index) => [`b${index}`, 1]));
        const values = [{ a: wrong }, unknown, { a: [1, 2, "x"] }, { a: [1] }];
        give(values.map((value) => faults(value, whole, new Schemas({})).length));
        """
    )
    assert found == [100, 100, 1, 0]
