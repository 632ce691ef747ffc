"""
Another client, in a process of its own: sends a message, waits for its echo, and again, while somebody else attacks.

    python -m tests.threats.witness PORT TARGET

It says `ready` after its first echo and goes on until its standard input ends; then it prints the seconds that each
echo took, as JSON. A connection that fails is an error, and so is an echo that is not its message.
"""

from __future__ import annotations

import json
import select
import socket
import sys
import time

from tests.server.wire import TEXT, frame, read_frame, upgrade

PAUSE_S = 0.002
TIME_LIMIT_S = 60.0


def main(port: int, target: str) -> None:
    took: list[float] = []
    with socket.create_connection(("127.0.0.1", port), TIME_LIMIT_S) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        upgrade(client, target.encode())
        while True:
            message = b"%d" % len(took)
            begin = time.perf_counter()
            client.sendall(frame(TEXT, message))
            answer = read_frame(client)
            took.append(time.perf_counter() - begin)
            assert answer == (TEXT, message), answer
            if len(took) == 1:
                print("ready", flush=True)
            if select.select([sys.stdin], [], [], PAUSE_S)[0]:
                break
    json.dump(took, sys.stdout)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
