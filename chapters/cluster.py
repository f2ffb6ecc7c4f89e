"""Processes on this machine that are told, from a notebook, which function to run next.

In: names of processes, and functions of the notebook. Out: what each function returned in the process that ran it.
A process is a Python of its own: it shares no memory with the notebook or with the others, and what they share they
share over sockets that the functions open. Each ends by itself when the notebook does, or when its time is over.
"""

from __future__ import annotations

import contextlib
import inspect
import io
import json
import os
import queue
import re
import socket
import subprocess
import sys
import tempfile
import textwrap
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

HOST = "127.0.0.1"  # no message of the chapters leaves the machine
_QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "0", "CUDA_VISIBLE_DEVICES": "-1"}


class ProcessError(RuntimeError):
    """A process failed, ended or did not answer: the message says which, how, and its last line."""


class Process:
    """One process, and what it keeps between two calls: the globals of the functions that run in it.

    Args:
        name: how messages call it: ``worker 1``.
        life: after so many seconds it ends, whatever it does (exit code 99).

    >>> with Process("worker 0") as worker:
    ...     worker(pow, 2, 10)
    1024
    """

    def __init__(self, name: str, life: float = 900.0) -> None:
        self.name = name
        self._errors = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115 (closed by stop)
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).resolve()), str(life)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={**_QUIET, **os.environ},
            encoding="utf-8",
        )
        self._answers: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def __call__(self, function: Callable[..., Any], *args: Any, timeout: float = 100.0) -> Any:
        """Run `function(*args)` in the process; return what it returns, as JSON keeps it. What it prints is printed.

        Raises:
            ProcessError: if the function raises, the process ends, or there is no answer after `timeout` seconds.
        """
        self.send(function, *args)
        return self.answer(timeout)

    def tell(self, *functions: Callable[..., Any]) -> None:
        """Make functions known to the process that others are going to call there; run none of them."""
        self._write("\n\n".join(map(_source, functions)), "list", ())
        self.answer()

    def send(self, function: Callable[..., Any], *args: Any) -> None:
        """Begin `function(*args)` and do not wait: `answer` gives the result."""
        self._write(_source(function), function.__name__, args)

    def _write(self, source: str, name: str, args: tuple[Any, ...]) -> None:
        assert self._process.stdin
        try:
            print(json.dumps([source, name, args]), file=self._process.stdin, flush=True)
        except (BrokenPipeError, ValueError):
            raise ProcessError(self._ended()) from None

    def answer(self, timeout: float = 100.0) -> Any:
        """Return what the function gave that was sent last."""
        try:
            line = self._answers.get(timeout=timeout)
        except queue.Empty:
            self.stop(patience=0)
            raise ProcessError(f"{self.name} gave no answer in {timeout:g} seconds and was stopped") from None
        if line is None:
            self._answers.put(None)
            raise ProcessError(self._ended())
        answer = json.loads(line)
        print(answer["printed"], end="")
        if "error" in answer:
            raise ProcessError(f"{self.name}: {answer['error']}")
        return answer["result"]

    def close(self) -> None:
        """Tell the process that nothing more will come, upon which it ends by itself."""
        assert self._process.stdin
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()

    def stop(self, patience: float = 10.0) -> int:
        """End the process and return its exit code: it may end by itself, and is ended after `patience` seconds."""
        self.close()
        for end in (lambda: None, self._process.terminate, self._process.kill):
            end()
            try:
                self._process.wait(patience)
                break
            except subprocess.TimeoutExpired:
                patience = 5.0
        return self._process.wait()

    def _listen(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self._answers.put(line)
        self._answers.put(None)

    def _ended(self) -> str:
        code = self.stop()
        self._errors.seek(0)
        lines = [line.strip() for line in self._errors if line.strip()]
        return f"{self.name} ended with exit code {code}; its last line: {lines[-1] if lines else '(none)'}"


def _source(function: Callable[..., Any]) -> str:
    return "" if function.__module__ == "builtins" else textwrap.dedent(inspect.getsource(function))


def together(calls: Mapping[Process, Sequence[Any]], function: Callable[..., Any]) -> dict[str, Any]:
    """Run `function` in each process, with the arguments that stand beside it, all at the same time.

    Returns:
        {name of the process: what it returned}, in the order given.

    Raises:
        ProcessError: as a call of one process does; the first of them in that order.
    """
    for process, args in calls.items():
        process.send(function, *args)
    return {process.name: process.answer() for process in calls}


def stop(processes: Iterable[Process], patience: float = 60.0) -> dict[str, int]:
    """End the processes, all at the same time; return their exit codes, 0 where one ended by itself."""
    processes = list(processes)
    for process in processes:
        process.close()
    return {process.name: process.stop(patience) for process in processes}


def free_ports(n: int) -> list[int]:
    """Return `n` ports of this machine that nobody listened on a moment ago."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(n)]
        for each in sockets:
            each.bind((HOST, 0))
        return [each.getsockname()[1] for each in sockets]


def open_ports(ports: Iterable[int]) -> list[int]:
    """Return those of `ports` that still take a connection."""

    def is_open(port: int) -> bool:
        with socket.socket() as each:
            each.settimeout(2)
            return each.connect_ex((HOST, port)) == 0

    return [port for port in ports if is_open(port)]


def _serve(life: float) -> None:
    """Run what comes on the standard input, line by line, until it is closed. This is the process's side."""
    timer = threading.Timer(life, os._exit, [99])
    timer.daemon = True
    timer.start()
    out, namespace = sys.stdout, {"__name__": "worker"}
    for line in sys.stdin:
        source, name, args = json.loads(line)
        answer: dict[str, Any] = {}
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            try:
                exec(source, namespace)
                answer["result"] = eval(name, namespace)(*args)
            except Exception as error:
                answer["error"] = f"{type(error).__name__}: {_line(str(error))}"
        answer["printed"] = printed.getvalue()
        print(json.dumps(answer), file=out, flush=True)


# What TensorFlow puts around the line that says what is wrong: places in the graph, stacks, who told whom.
_AROUND = re.compile(r"\s|$|Graph execution error|Detected at |Node: |=====|(?:[A-Z_]+: )?From /|\d+ root error")


def _line(text: str) -> str:
    """Return the line of a message that says what is wrong."""
    lines = [line for line in text.splitlines() if not _AROUND.match(line)]
    return (lines or text.strip().splitlines() or [""])[0]


if __name__ == "__main__":
    _serve(float(sys.argv[1]))
