"""
Pydantic models as message types: whole, inside Structs, and never imported by us.
"""

from __future__ import annotations

import subprocess
import sys
from typing import Annotated, Any, Literal, cast

import msgspec
import pydantic
import pytest

from apistar.exceptions import EncodeError, InvalidMessage, UnsupportedType
from apistar.messages import JSON, MSGPACK, Codec


class Item(pydantic.BaseModel):
    name: str
    count: int = 1


class Cart(msgspec.Struct):
    items: list[Item]


class Open(pydantic.BaseModel):
    kind: Literal["open"] = "open"
    inner: Open | Shut | None = None


class Shut(pydantic.BaseModel):
    kind: Literal["shut"] = "shut"
    inner: Open | Shut | None = None


class Box(pydantic.BaseModel):
    kind: Literal["box"] = "box"
    inner: Annotated[Box | Bag, pydantic.Field(discriminator="kind")] | None = None


class Bag(pydantic.BaseModel):
    kind: Literal["bag"] = "bag"
    inner: Box | Bag | None = pydantic.Field(default=None, discriminator="kind")


async def _late() -> int:
    return 1


def test_coroutine_among_the_values_is_told_to_be_awaited() -> None:
    late = _late()
    with pytest.raises(TypeError, match="cannot encode the coroutine _late; write `await` before its call"):
        JSON.writer()({"n": late})
    late.close()


def test_messages_never_imports_pydantic_by_itself() -> None:
    code = """
import sys, msgspec
from apistar.messages import JSON, MSGPACK, Codec
from apistar.messages.description import describe
class Say(msgspec.Struct): text: str
for codec in (JSON, MSGPACK):
    codec.decoder(Say)(codec.encoder(Say)(Say("x")))
describe([Say], [list[Say]])
assert "pydantic" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_model_inside_a_struct_passes_both_ways() -> None:
    cart = Cart([Item(name="pear")])
    for codec in (JSON, MSGPACK):
        assert codec.decoder(Cart)(codec.encoder(Cart)(cart)) == cart


def test_model_inside_a_struct_is_refused_with_the_whole_path() -> None:
    with pytest.raises(InvalidMessage) as caught:
        JSON.decoder(Cart)('{"items":[{"name":"pear"},{"name":"fig","count":"x"}]}')
    assert caught.value.path == "$.items[1].count"


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_model_refuses_numbers_that_json_does_not_have(literal: str) -> None:
    class Price(pydantic.BaseModel):
        amount: float

    with pytest.raises(InvalidMessage):
        JSON.decoder(Price)('{"amount": ' + literal + "}")


def test_model_that_does_not_validate_is_not_sent() -> None:
    item = Item.model_construct(name=3, count="many")
    with pytest.raises(EncodeError, match="cannot encode a value of type Item"):
        JSON.encoder(Item)(item)


def test_untagged_union_of_models_is_refused_with_the_path_of_the_nearest_member() -> None:
    class Deep(pydantic.BaseModel):
        item: Item

    with pytest.raises(InvalidMessage) as caught:
        JSON.decoder(Item | Deep)('{"item": {"name": "fig", "count": "x"}}')
    assert caught.value.path == "$.item.count"


def test_message_with_very_many_faults_is_refused_without_listing_them() -> None:
    with pytest.raises(InvalidMessage) as caught:
        JSON.decoder(list[Item])("[" + ",".join(["[]"] * 5_000) + "]")
    assert caught.value.detail == "$: not a list[Item]: 5000 faults"


def test_union_that_doubles_the_work_with_each_level_is_refused_at_start_up() -> None:
    with pytest.raises(UnsupportedType) as caught:
        JSON.decoder(Open)
    assert "inner: pydantic tries every member of Open | Shut | None on every level of nesting" in str(caught.value)
    assert "tell them apart with Field(discriminator=…)" in str(caught.value)


def test_union_with_a_discriminator_is_taken() -> None:
    box = Box(inner=Bag(inner=Box()))
    decode = JSON.decoder(Annotated[Box | Bag, pydantic.Field(discriminator="kind")])
    assert decode(JSON.encoder(Box)(box)) == box


def test_validators_own_error_passes_through() -> None:
    class Careless(pydantic.BaseModel):
        name: str

        @pydantic.field_validator("name")
        @classmethod
        def look_up(cls, value: str) -> str:
            nobody: dict[str, str] = {}
            return nobody[value]

    with pytest.raises(KeyError):
        JSON.decoder(Careless)('{"name": "x"}')


class TwoFaced(pydantic.BaseModel):
    """Is read under one name and written under another, with a field that nobody may send."""

    model_config = pydantic.ConfigDict(extra="forbid")
    amount: int = pydantic.Field(validation_alias="in", serialization_alias="out")

    @pydantic.computed_field  # type: ignore[prop-decorator]  # mypy wants no decorator above a property
    @property
    def double(self) -> int:
        return self.amount * 2


def money() -> TwoFaced:
    return TwoFaced.model_validate({"in": 3})


class Wallet(msgspec.Struct):
    money: TwoFaced
    number: int = 1


@pytest.mark.parametrize(
    ("tp", "wrap"),
    [
        (TwoFaced, lambda model: model),
        (TwoFaced | None, lambda model: model),
        (list[TwoFaced], lambda model: [model]),
        (dict[str, TwoFaced], lambda model: {"a": model}),
        (Wallet, lambda model: Wallet(model)),
        (list[Wallet], lambda model: [Wallet(model)]),
    ],
    ids=["model", "optional", "list", "dict", "Struct", "list of Structs"],
)
@pytest.mark.parametrize("codec", [JSON, MSGPACK], ids=["json", "msgpack"])
def test_model_that_is_written_as_it_is_not_read_may_be_sent(codec: Codec, tp: object, wrap: Any) -> None:
    data = codec.encoder(tp)(wrap(money()))
    assert b"out" in data
    assert b"double" in data


@pytest.mark.parametrize(
    ("tp", "value", "says"),
    [
        (
            Wallet,
            Wallet(cast("TwoFaced", "x")),
            "cannot send a value that is no Wallet: $.money: expected TwoFaced, got str",
        ),
        (
            Wallet,
            Wallet(money(), cast("int", "x")),
            "cannot send a value that is no Wallet: $.number: expected int, got str",
        ),
        (
            list[TwoFaced],
            ["x"],
            "cannot encode a value of type list: $[0]: input should be a valid dictionary or instance of TwoFaced",
        ),
        (Item, Item.model_construct(name=3), "cannot encode a value of type Item: expected str"),
    ],
    ids=["no model", "beside a model", "in a list", "in a model"],
)
def test_value_that_is_wrong_beside_or_inside_a_model_is_not_sent(tp: object, value: object, says: str) -> None:
    with pytest.raises(EncodeError) as caught:
        JSON.encoder(tp)(value)
    # Pydantic names the field since 2.11, and before that what it got.
    assert str(caught.value).replace(" name:", "").removesuffix(" but got int") == says
