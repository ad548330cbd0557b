"""Child processes that cannot outlive the test.

Four nets, each for a different way to end:

1. `Processes.stop_all` (normal end, exceptions, SIGTERM and SIGINT turned into SystemExit);
2. PR_SET_PDEATHSIG: direct children get SIGKILL when this process dies, even of `kill -9`;
3. this process is a subreaper: whatever its children leave behind becomes its own child, so
   `descendants` is the exact list of what is still alive;
4. a watchdog process in a session of its own: when the pipe to this process closes, it kills all
   that carries the mark of the run (a folder name, in the environment, the command line or as
   working directory) and removes the folder.

Threads: start children from the main thread. PDEATHSIG is sent when the *thread* that forked ends.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
MARK_VARIABLE = "FERMI_TEST_DIR"

_libc = ctypes.CDLL(None, use_errno=True)


def _die_with_parent() -> None:
    """Runs in the child between fork and exec."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _exit_on_signal(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def parents() -> dict[int, int]:
    """pid -> parent's pid of every process that is not a zombie."""
    result: dict[int, int] = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            stat = Path("/proc", entry, "stat").read_text(errors="replace")
        except OSError:
            continue
        state, parent = stat.rpartition(")")[2].split()[:2]
        if state not in "ZX":
            result[int(entry)] = int(parent)
    return result


def descendants(pid: int) -> list[int]:
    """All living processes below `pid`, without itself."""
    children: dict[int, list[int]] = {}
    for child, parent in parents().items():
        children.setdefault(parent, []).append(child)
    found: list[int] = []
    pending = [pid]
    while pending:
        for child in children.get(pending.pop(), []):
            found.append(child)
            pending.append(child)
    return found


def carries(pid: int, mark: str) -> bool:
    """Whether the process names `mark` in its environment, command line or working directory."""
    base = Path("/proc", str(pid))
    needle = mark.encode()
    for name in ("cmdline", "environ"):
        try:
            if needle in (base / name).read_bytes():
                return True
        except OSError:
            pass
    try:
        return os.readlink(base / "cwd").startswith(mark)
    except OSError:
        return False


def command_line(pid: int) -> str:
    try:
        return (
            Path(f"/proc/{pid}/cmdline")
            .read_bytes()
            .replace(b"\0", b" ")
            .decode(errors="replace")
            .strip()
        )
    except OSError:
        return ""


def kill_marked(mark: str, patience_s: float = 5.0) -> list[int]:
    """Kills everything that carries `mark` until nothing does; returns what it had to kill."""
    killed: set[int] = set()
    until = time.monotonic() + patience_s
    while time.monotonic() < until:
        alive = [pid for pid in parents() if pid != os.getpid() and carries(pid, mark)]
        if not alive:
            break
        for pid in alive:
            killed.add(pid)
            _signal(pid, signal.SIGKILL)
        time.sleep(0.05)
    return sorted(killed)


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def reap() -> None:
    """Collects dead children that were adopted (those of subprocess.Popen are left to it)."""
    popen = {p.pid for p in Processes.all_popen}
    for pid, parent in _zombies():
        if parent == os.getpid() and pid not in popen:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)


def _zombies() -> list[tuple[int, int]]:
    result = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                fields = (
                    Path("/proc", entry, "stat")
                    .read_text(errors="replace")
                    .rpartition(")")[2]
                    .split()
                )
            except OSError:
                continue
            if fields[0] == "Z":
                result.append((int(entry), int(fields[1])))
    return result


class Processes:
    """All children of one run and the folder they live in."""

    all_popen: set[subprocess.Popen[bytes]] = set()

    def __init__(self, keep_folder: bool = False) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="fermi-test-"))
        self.keep_folder = keep_folder
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        # The watchdog first: a subreaper (as we may be from a run before) would become its parent.
        _libc.prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
        self._watchdog_pipe = self._start_watchdog()
        _libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, _exit_on_signal)

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *_unused: object) -> None:
        self.close()

    def start(
        self,
        name: str,
        argv: Sequence[str],
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> subprocess.Popen[bytes]:
        """Starts `argv` in a session of its own; output goes to <folder>/log/<name>.log (appended)."""
        log = self.log_path(name)
        log.parent.mkdir(parents=True, exist_ok=True)
        environment = dict(os.environ if env is None else env)
        environment[MARK_VARIABLE] = str(self.folder)
        with open(log, "ab") as output:
            process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                cwd=cwd or self.folder,
                start_new_session=True,
                preexec_fn=_die_with_parent,
            )
        self._running[name] = process
        Processes.all_popen.add(process)
        return process

    def log_path(self, name: str) -> Path:
        return self.folder / "log" / f"{name}.log"

    def log_tail(self, name: str, lines: int = 15) -> str:
        try:
            return "\n".join(self.log_path(name).read_text(errors="replace").splitlines()[-lines:])
        except OSError:
            return "(no log)"

    def running(self, name: str) -> bool:
        process = self._running.get(name)
        return process is not None and process.poll() is None

    def kill(self, name: str) -> None:
        """kill -9 of that one process; what it started lives on."""
        process = self._running.pop(name)
        process.kill()
        process.wait()
        Processes.all_popen.discard(process)

    def stop(self, name: str, grace_s: float = 5.0) -> int:
        """SIGTERM, then SIGKILL for its whole process group. Returns the exit status."""
        process = self._running.pop(name)
        if process.poll() is None:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(grace_s)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        status = process.wait()
        Processes.all_popen.discard(process)
        return status

    def stop_all(self) -> None:
        """kill -9 of everything started: nothing in here has anything worth saving."""
        for process in self._running.values():
            process.kill()
        for process in self._running.values():
            process.wait()
            Processes.all_popen.discard(process)
        self._running.clear()

    def leftovers(self) -> list[int]:
        """Living processes of this run that are none of the started ones."""
        reap()
        known = {p.pid for p in self._running.values()}
        below = set(descendants(os.getpid()))
        marked = {pid for pid in below if carries(pid, str(self.folder))}
        return sorted(marked - known)

    def close(self) -> None:
        self.stop_all()
        kill_marked(str(self.folder))
        reap()
        if self.keep_folder:
            print(f"kept: {self.folder}", file=sys.stderr)
        else:
            shutil.rmtree(self.folder, ignore_errors=True)
        if self._watchdog_pipe >= 0:
            os.close(self._watchdog_pipe)
            self._watchdog_pipe = -1

    def _start_watchdog(self) -> int:
        """Forks twice, so that the watchdog is no child of anybody who might be killed with us."""
        read_end, write_end = os.pipe()
        arguments = [sys.executable, str(Path(__file__).with_name("watchdog.py")), str(self.folder)]
        if self.keep_folder:
            arguments.append("--keep")
        subprocess.run(
            arguments,
            stdin=read_end,
            stdout=subprocess.DEVNULL,
            close_fds=True,
            start_new_session=True,
            check=True,
        )
        os.close(read_end)
        return write_end
