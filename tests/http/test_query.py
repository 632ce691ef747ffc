"""
Query parameters by annotation: text in, a value of the type or a 400 out.
"""

from __future__ import annotations

import datetime
import decimal
import enum
import sys
import uuid
from typing import Annotated, Any, Literal, NewType, Optional

import msgspec
import pytest

from apistar import ASyncApp, Route, TestClient
from apistar.exceptions import BadRequest
from apistar.http.query import fields_of

Meta = msgspec.Meta
UserId = NewType("UserId", int)


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1


def client_of(annotation: Any) -> TestClient:
    def handler(value: Any) -> str:
        return repr(value)

    handler.__annotations__ = {"value": annotation, "return": str}
    return TestClient(ASyncApp([Route("/", handler=handler)]), raise_server_exceptions=False)


@pytest.mark.parametrize(
    ("annotation", "query", "value"),
    [
        (str, "value=", ""),
        (str, "value=a%20b+c", "a b c"),
        (int, "value=7", 7),
        (int, "value=-7", -7),
        (int, "value=1&value=2", 2),
        (float, "value=1.5", 1.5),
        (float, "value=1", 1.0),
        (bool, "value=true", True),
        (bool, "value=0", False),
        (int | None, "", None),
        (Optional[int], "value=3", 3),  # noqa: UP045  # both spellings are tested
        (str | None, "value=null", "null"),
        (uuid.UUID, f"value={uuid.UUID(int=1)}", uuid.UUID(int=1)),
        (decimal.Decimal, "value=1.10", decimal.Decimal("1.10")),
        (datetime.date, "value=2020-02-29", datetime.date(2020, 2, 29)),
        (datetime.datetime, "value=2020-02-29T12:00:00Z", datetime.datetime(2020, 2, 29, 12, tzinfo=datetime.UTC)),
        (datetime.timedelta, "value=P1D", datetime.timedelta(1)),
        (Colour, "value=red", Colour.RED),
        (Level, "value=1", Level.LOW),
        (Literal["a", 2], "value=2", 2),
        (UserId, "value=3", 3),
        (Annotated[int, Meta(ge=1)], "value=1", 1),
        (list[int], "value=1&value=2", [1, 2]),
        (set[str], "value=a&value=a", {"a"}),
        (tuple[int, str], "value=1&value=a", (1, "a")),
        (list[Colour], "value=red", [Colour.RED]),
    ],
    ids=str,
)
def test_query_parameter_is_converted_to_its_type(annotation: Any, query: str, value: object) -> None:
    response = client_of(annotation).get(f"/?{query}")
    assert (response.status_code, response.text) == (200, repr(value))


@pytest.mark.parametrize(
    ("annotation", "query", "detail"),
    [
        (int, "", "query parameter 'value' is missing; it is an int"),
        (int, "value=", "query parameter 'value' is '': expected int"),
        (int, "value=0x1", "query parameter 'value' is '0x1': expected int"),
        (int, f"value={'9' * 5000}", f"query parameter 'value' is '{'9' * 80}': integer value out of range"),
        (float, "value=nan", "query parameter 'value' is 'nan': expected finite number"),
        (float, "value=-inf", "query parameter 'value' is '-inf': expected finite number"),
        (Annotated[float, Meta(ge=0)], "value=nan", "query parameter 'value' is 'nan': expected float >= 0.0"),
        (list[float], "value=1&value=nan", "query parameter 'value' is '1, nan': expected finite number"),
        (decimal.Decimal, "value=NaN", "query parameter 'value' is 'NaN': expected finite number"),
        (decimal.Decimal, "value=sNaN", "query parameter 'value' is 'sNaN': expected finite number"),
        (bool, "value=yes", "query parameter 'value' is 'yes': expected bool"),
        (int | None, "value=null", "query parameter 'value' is 'null': expected int"),
        (uuid.UUID, "value=1", "query parameter 'value' is '1': invalid UUID"),
        (Colour, "value=green", "query parameter 'value' is 'green': expected 'red' or 'blue'"),
        (Annotated[int, Meta(ge=1)], "value=0", "query parameter 'value' is '0': expected int >= 1"),
        (list[int], "", "query parameter 'value' is missing; give it once or several times"),
        (list[int], "value=1&value=a", "query parameter 'value' is '1, a': $[1]: expected int"),
    ],
    ids=str,
)
def test_query_parameter_that_does_not_fit_is_a_400(annotation: Any, query: str, detail: str) -> None:
    response = client_of(annotation).get(f"/?{query}")
    assert (response.status_code, response.json()["detail"]) == (400, detail)


@pytest.mark.parametrize("query", [b"a=\xff", b"a=%ff", b"a=\xff&b=%20"])
def test_query_that_is_not_utf_8_is_refused_percent_encoded_or_not(query: bytes) -> None:
    with pytest.raises(BadRequest, match="the query string is not UTF-8"):
        fields_of(query)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="`type X = …` is Python 3.12's")
def test_parameters_may_be_named_by_the_statement_of_python_3_12() -> None:
    namespace: dict[str, Any] = {"Meta": Meta, "Annotated": Annotated}
    exec(
        "type Id = int\n"
        "type Limit = Annotated[int, Meta(ge=1)]\n"
        "def handler(id: Id, limit: Limit, ids: list[Id] = [], maybe: Id | None = None) -> str:\n"
        "    return repr((id, limit, ids, maybe))\n",
        namespace,
    )
    client = TestClient(ASyncApp([Route("/{id}", handler=namespace["handler"])]))
    assert client.get("/7?limit=2&ids=1&ids=2").text == "(7, 2, [1, 2], None)"
    assert client.get("/7?limit=0").status_code == 400
    assert client.get("/x?limit=1").status_code == 404
