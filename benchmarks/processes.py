"""
One server process: started on its own core, watched through /proc, stopped.

CPU time comes from the kernel. The load generator reads the process's CPU clock (nanoseconds, all threads) in the
moment in which its counted window opens and closes; `cpu_s` here reads /proc/PID/stat for the cross-check, and
`waited_s` reads from schedstat how long the process was ready but another one had its core: the noise. Memory is
Pss, the process's share of every page that it has mapped (/proc/PID/smaps_rollup, proc(5)).
"""

import contextlib
import http.client
import os
import resource
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).parent.parent
START_LIMIT_S = 15.0
STOP_LIMIT_S = 5.0


@contextlib.contextmanager
def pinned(core: int | None) -> Iterator[None]:
    """Bind this process, and so what it starts meanwhile, to one core; `None` binds to nothing."""
    before = os.sched_getaffinity(0)
    if core is not None:
        os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def two_cores() -> tuple[int | None, int | None]:
    """Choose one core for the server and another for the load; none where there is only one."""
    cores = sorted(os.sched_getaffinity(0))
    return (cores[0], cores[1]) if len(cores) > 1 else (None, None)


def free_port() -> int:
    """Find a port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class ServerProcess:
    """
    A running server, and all processes that it started itself.

    Args:
        command: The words of its command line; `{port}` in one of them becomes the port.
        core: The core that it is bound to.
    """

    def __init__(self, command: list[str], core: int | None = None) -> None:
        self.port = free_port()
        self._output = tempfile.TemporaryFile()  # noqa: SIM115  # it lives as long as the process
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        source = os.pathsep.join(filter(None, [str(ROOT / "src"), os.environ.get("PYTHONPATH")]))
        with pinned(core):
            self._process = subprocess.Popen(
                [word.replace("{port}", str(self.port)) for word in command],
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": source},
                stdin=subprocess.DEVNULL,
                stdout=self._output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._paused = False
        self._wait_until_it_listens()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _wait_until_it_listens(self) -> None:
        deadline = time.monotonic() + START_LIMIT_S
        while True:
            if self._process.poll() is not None:
                raise self._failed(f"ended with status {self._process.returncode}")
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            if time.monotonic() > deadline:
                raise self._failed(f"did not listen within {START_LIMIT_S:.0f} s")
            time.sleep(0.02)

    def _failed(self, what: str) -> RuntimeError:
        output = self.output()
        self.stop()
        return RuntimeError(f"the server {what}:\n{output}")

    def output(self) -> str:
        """Read what the server printed so far; the last 4,000 characters."""
        self._output.seek(0)
        return self._output.read().decode(errors="replace")[-4000:]

    @property
    def pids(self) -> list[int]:
        """List the server's process and its descendants."""
        found = [self._process.pid]
        for pid in found:
            with contextlib.suppress(OSError):
                for task in Path(f"/proc/{pid}/task").iterdir():
                    found += map(int, (task / "children").read_text().split())
        return found

    def cpu_s(self) -> float:
        """Read utime + stime of all its processes; the kernel counts them in ticks, of 10 ms as a rule."""
        return self._ticks_s(11, 12)

    def kernel_s(self) -> float:
        """Read stime alone: what the kernel did for them."""
        return self._ticks_s(12)

    def _ticks_s(self, *places: int) -> float:
        ticks = 0
        for pid in self.pids:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(int(fields[place]) for place in places)
        return ticks / os.sysconf("SC_CLK_TCK")

    def waited_s(self) -> float:
        """Read how long its threads were ready to run while another process had the core."""
        waited = 0
        for pid in self.pids:
            for task in Path(f"/proc/{pid}/task").iterdir():
                waited += int((task / "schedstat").read_text().split()[1])
        return waited / 1e9

    def pss_bytes(self) -> int:
        """Read its memory as Pss, of all its processes."""
        total = 0
        for pid in self.pids:
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
        return total

    def get(self, path: str, headers: dict[str, str]) -> bytes:
        """Fetch one page, to see that the server answers rightly before it is measured."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", path, headers=headers)
            response = connection.getresponse()
            body = response.read()
        finally:
            connection.close()
        if response.status != 200:
            raise RuntimeError(f"GET {path} answered {response.status}: {body[:200]!r}\n{self.output()}")
        return body

    def pause(self) -> None:
        """Stop its processes (SIGSTOP), so that an idle server's timers disturb nobody's turn."""
        self._paused = True
        for pid in self.pids:
            os.kill(pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it run again."""
        if self._paused:
            self._paused = False
            for pid in self.pids:
                os.kill(pid, signal.SIGCONT)

    def stop(self) -> None:
        """End it: SIGTERM, then SIGKILL to its session after `STOP_LIMIT_S`."""
        self.resume()
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            self._process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        finally:
            self._output.close()
