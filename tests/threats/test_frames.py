"""
Attacks with frames, in bytes, against server processes: rows 2 to 7 and 13 to 16 of the threats.

Every test runs against an application of ours and, where compression is not its subject, against a foreign one on our
protocol class; each shows the answer, the growth of the process, and that another client is served.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import zlib

import pytest

from tests.server.processes import ServerProcess
from tests.server.wire import BINARY, CLOSE, TEXT, handshake, read_answer, read_close, read_frame, read_head, upgrade
from tests.threats.watch import MIB, assert_alive, bounded, witness
from tests.transports.wire import ZERO_MASK, frame

DEFLATE = b"Sec-WebSocket-Extensions: permessage-deflate"


def send_all(client: socket.socket, data: bytes) -> None:
    """Send as much as the server takes; it may have closed before the end."""
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        client.sendall(data)


def answer_to(server: ServerProcess, *pieces: bytes, target: bytes = b"/echo") -> tuple[int, bytes]:
    """The Close after these bytes, and then the end of TCP."""
    with server.connect() as client:
        upgrade(client, target)
        for piece in pieces:
            send_all(client, piece)
        closed = read_close(client)
        client.shutdown(socket.SHUT_WR)
        assert client.recv(1) == b""
        return closed


# Row 2: declared lengths


@pytest.mark.parametrize("declared", [1 * MIB + 1, 1 << 31, 1 << 32, 1 << 62, (1 << 63) - 1])
@pytest.mark.parametrize("opcode", [0x81, 0x82, 0x01])
def test_frame_that_declares_too_much_is_answered_1009_at_its_header(
    attacked: ServerProcess, opcode: int, declared: int
) -> None:
    with bounded(attacked):
        code, reason = answer_to(attacked, struct.pack("!BBQ", opcode, 0xFF, declared) + ZERO_MASK)
    assert (code, reason) == (1009, b"message exceeds max_message_bytes of 1048576")


@pytest.mark.parametrize("declared", [1 << 63, (1 << 64) - 1])
def test_frame_that_declares_2_to_the_63_is_answered_1002(attacked: ServerProcess, declared: int) -> None:
    with bounded(attacked):
        assert answer_to(attacked, struct.pack("!BBQ", 0x82, 0xFF, declared) + ZERO_MASK)[0] == 1002


def test_many_frames_that_are_declared_and_never_sent_cost_what_was_sent(attacked: ServerProcess) -> None:
    """A hundred clients declare 1 MiB each and send ten bytes of it."""
    with bounded(attacked):
        clients = [attacked.connect() for _ in range(100)]
        try:
            for client in clients:
                upgrade(client)
                client.sendall(struct.pack("!BBQ", 0x82, 0xFF, MIB) + ZERO_MASK + b"x" * 10)
            assert_alive(attacked)
        finally:
            for client in clients:
                client.close()


# Rows 3 and 4: fragments


def test_message_in_many_fragments_is_answered_1009_at_the_limit(attacked: ServerProcess) -> None:
    fragment = frame(0x00, b"x" * 65536, ZERO_MASK)
    with bounded(attacked):
        assert answer_to(attacked, frame(0x01, b"x"), *[fragment] * 400)[0] == 1009


@pytest.mark.parametrize("payload", [b"", b"x"])
@pytest.mark.parametrize("first", [0x01, 0x02])
def test_half_a_million_small_fragments_are_answered_1009(attacked: ServerProcess, first: int, payload: bytes) -> None:
    fragment = frame(0x00, payload, ZERO_MASK)
    with bounded(attacked), witness(attacked, "half a million fragments"):
        code, reason = answer_to(attacked, frame(first, payload), fragment * 500_000)
    assert (code, reason) == (1009, b"message exceeds max_fragments of 131072")


@pytest.mark.parametrize("first", [0x01, 0x02])
def test_message_of_as_many_fragments_as_allowed_is_echoed(attacked: ServerProcess, first: int) -> None:
    count = 131_072
    with bounded(attacked), attacked.connect() as client:
        upgrade(client)
        client.sendall(frame(first, b"x") + frame(0x00, b"x", ZERO_MASK) * (count - 2))
        client.sendall(frame(0x80, b"x"))
        assert read_frame(client) == (first, b"x" * count)


# Row 5: one frame, byte by byte


def test_frame_in_writes_of_20_bytes_is_one_message(attacked: ServerProcess) -> None:
    payload = bytes(range(256)) * 512
    sent = frame(0x82, payload)
    with bounded(attacked), attacked.connect() as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        upgrade(client)
        for start in range(0, len(sent), 20):
            client.sendall(sent[start : start + 20])
        assert read_frame(client) == (BINARY, payload)


# Row 6: what inflates


def compressed(pieces: int, piece: bytes, level: int = 9) -> bytes:
    """`pieces` times `piece` as one message of permessage-deflate."""
    compressor = zlib.compressobj(level, wbits=-12)
    data = b"".join(compressor.compress(piece) for _ in range(pieces))
    return (data + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]


@pytest.fixture(scope="module")
def bomb() -> bytes:
    """256 MiB of zeros."""
    data = compressed(256, bytes(MIB))
    assert len(data) < 400_000
    return data


@pytest.mark.parametrize("opcode", [0x1, 0x2])
def test_bomb_is_answered_1009(ours: ServerProcess, bomb: bytes, opcode: int) -> None:
    with bounded(ours), witness(ours, "deflate bomb"), ours.connect() as client:
        upgrade(client, b"/deflate", DEFLATE)
        send_all(client, frame(0xC0 | opcode, bomb))
        assert read_close(client) == (1009, b"message exceeds max_message_bytes of 1048576")


def test_bomb_in_fragments_is_answered_1009(ours: ServerProcess, bomb: bytes) -> None:
    with bounded(ours), ours.connect() as client:
        upgrade(client, b"/deflate", DEFLATE)
        send_all(client, frame(0x42, bomb[:1000], ZERO_MASK))
        for start in range(1000, len(bomb), 1000):
            send_all(client, frame(0x00, bomb[start : start + 1000], ZERO_MASK))
        assert read_close(client)[0] == 1009


def test_bomb_behind_the_handshake_is_answered_1009(ours: ServerProcess, bomb: bytes) -> None:
    """Before anybody could have been asked who they are."""
    with bounded(ours), ours.connect() as client:
        send_all(client, handshake(b"/deflate", DEFLATE) + frame(0xC2, bomb))
        assert read_answer(client).status == 101
        assert read_close(client)[0] == 1009


def test_message_that_inflates_to_the_limit_exactly_is_echoed(ours: ServerProcess) -> None:
    for size, good in ((MIB, True), (MIB + 1, False)):
        with ours.connect() as client:
            upgrade(client, b"/deflate", DEFLATE)
            client.sendall(frame(0xC2, compressed(1, bytes(size))))
            if good:
                opcode, payload = read_frame(client)
                assert opcode == BINARY
                assert zlib.decompressobj(-12).decompress(payload + b"\0\0\xff\xff") == bytes(size)
            else:
                assert read_close(client)[0] == 1009


def test_many_small_bombs_of_one_client_cost_the_limit_of_one(ours: ServerProcess) -> None:
    """Each message is within the limit; the inbox holds no more than its bytes."""
    message = frame(0xC2, compressed(1, bytes(MIB - 1)), ZERO_MASK)
    with bounded(ours), witness(ours, "a hundred messages that inflate to 1 MiB"), ours.connect() as client:
        client.sendall(handshake(b"/deflate", DEFLATE))
        assert read_answer(client).status == 101
        send_all(client, message * 100)
        for _ in range(100):
            assert read_frame(client)[0] == BINARY


# Row 7: offers


@pytest.mark.parametrize(
    "offer",
    [
        b"permessage-deflate; server_max_window_bits=7",
        b"permessage-deflate; server_max_window_bits=8",
        b"permessage-deflate; server_max_window_bits=16",
        b"permessage-deflate; server_max_window_bits=010",
        b"permessage-deflate; server_max_window_bits",
        b"permessage-deflate; client_max_window_bits=7",
        b"permessage-deflate; client_max_window_bits=-9",
        b"permessage-deflate; client_max_window_bits=99999999999999999999",
        b"permessage-deflate; client_max_window_bits=15; client_max_window_bits=15",
        b"permessage-deflate; server_no_context_takeover; server_no_context_takeover",
        b"permessage-deflate; server_no_context_takeover=true",
        b"permessage-deflate; unknown",
        b"permessage-deflate; unknown=1",
        b"permessage-deflate;",
        b"permessage-deflate; ; ",
        b"x-webkit-deflate-frame",
        b"permessage-bzip2",
        b"permessage-deflate-",
        b'permessage-deflate; server_max_window_bits="1',
        b", ".join([b"permessage-deflate; unknown"] * 60),
    ],
)
def test_offer_that_is_not_sound_is_declined(ours: ServerProcess, offer: bytes) -> None:
    with ours.connect() as client:
        answer = upgrade(client, b"/deflate", b"Sec-WebSocket-Extensions: " + offer)
        assert b"sec-websocket-extensions" not in answer.headers
        client.sendall(frame(0xC1, b"a"))
        assert read_close(client)[0] == 1002, "RSV1 means nothing where nothing was negotiated"
    assert_alive(ours)


def test_offer_behind_one_that_is_declined_is_taken(ours: ServerProcess) -> None:
    offers = b"Sec-WebSocket-Extensions: foo, permessage-deflate; server_max_window_bits=7, permessage-deflate"
    with ours.connect() as client:
        answer = upgrade(client, b"/deflate", offers)
        assert answer.headers[b"sec-websocket-extensions"].startswith(b"permessage-deflate")


def test_route_without_compression_takes_no_offer(attacked: ServerProcess) -> None:
    with attacked.connect() as client:
        client.sendall(handshake(b"/echo", DEFLATE))
        assert b"extensions" not in read_head(client).lower()


# Rows 13 to 16: what is no WebSocket


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        pytest.param(b"\x81\x05Hello", 1002, id="13: unmasked"),
        pytest.param(b"\x81\x00", 1002, id="13: unmasked and empty"),
        pytest.param(frame(0xC1, b"a"), 1002, id="14: RSV1"),
        pytest.param(frame(0xA1, b"a"), 1002, id="14: RSV2"),
        pytest.param(frame(0x91, b"a"), 1002, id="14: RSV3"),
        pytest.param(frame(0xC9, b"a"), 1002, id="14: ping with RSV1"),
        pytest.param(frame(0x83, b"a"), 1002, id="14: opcode 3"),
        pytest.param(frame(0x8B, b"a"), 1002, id="14: opcode 11"),
        pytest.param(frame(0x8F), 1002, id="14: opcode 15"),
        pytest.param(frame(0x89, b"a" * 126), 1002, id="14: long ping"),
        pytest.param(frame(0x88, struct.pack("!H", 1000) + b"a" * 124), 1002, id="14: long close"),
        pytest.param(frame(0x09, b"a"), 1002, id="14: fragmented ping"),
        pytest.param(frame(0x08), 1002, id="14: fragmented close"),
        pytest.param(frame(0x80, b"a"), 1002, id="14: continuation without start"),
        pytest.param(frame(0x01, b"a") + frame(0x81, b"a"), 1002, id="14: start within a message"),
        pytest.param(frame(0x81, b"\xff"), 1007, id="15: 0xFF"),
        pytest.param(frame(0x81, b"\xed\xa0\x80"), 1007, id="15: surrogate"),
        pytest.param(frame(0x81, b"\xc0\xaf"), 1007, id="15: overlong"),
        pytest.param(frame(0x81, b"\xe2\x82"), 1007, id="15: cut short"),
        pytest.param(frame(0x01, b"ok") + frame(0x00, b"\xff"), 1007, id="15: at the first bad byte"),
        pytest.param(frame(0x01, b"\xf4") + frame(0x00, b"\x90"), 1007, id="15: across fragments"),
        pytest.param(frame(0x88, b"\x03\xe8\xff"), 1007, id="15: close reason"),
        pytest.param(frame(0x88, b"\x03"), 1002, id="16: one byte"),
        *[
            pytest.param(frame(0x88, struct.pack("!H", code)), 1002, id=f"16: {code}")
            for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535)
        ],
    ],
)
def test_client_that_breaks_the_protocol_gets_the_right_code(attacked: ServerProcess, sent: bytes, code: int) -> None:
    assert answer_to(attacked, sent)[0] == code
    assert_alive(attacked)


def test_frames_behind_a_fault_are_not_answered(attacked: ServerProcess) -> None:
    with attacked.connect() as client:
        upgrade(client)
        client.sendall(frame(0x81, b"one") + b"\x81\x01a" + frame(0x81, b"two") + frame(0x89, b"ping"))
        assert read_frame(client) == (TEXT, b"one")
        assert read_frame(client)[0] == CLOSE
        client.shutdown(socket.SHUT_WR)
        assert client.recv(1) == b""


def test_half_a_million_final_blocks_in_one_frame_are_answered_1002(ours: ServerProcess) -> None:
    """Two bytes each, every one ends zlib's stream; to go on behind each is quadratic in them."""
    with bounded(ours), witness(ours, "final deflate blocks"), ours.connect() as client:
        upgrade(client, b"/deflate", DEFLATE)
        send_all(client, frame(0xC2, b"\x03\x00" * 500_000, ZERO_MASK))
        assert read_close(client)[0] == 1002


def test_message_that_ends_its_stream_is_echoed(ours: ServerProcess) -> None:
    """RFC 7692 §7.2.3.4."""
    with ours.connect() as client:
        upgrade(client, b"/deflate", DEFLATE)
        client.sendall(frame(0xC1, b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00"))
        assert read_frame(client) == (TEXT, b"Hello")
