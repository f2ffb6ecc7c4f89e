"""The processes of the chapters: they answer, they say how they failed, and they end whatever happens."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from cluster import HOST, Process, ProcessError, _line, free_ports, open_ports, stop, together

kept: Any = None  # here; in a process there is nothing of that name until a function makes it


def remember(value: int) -> None:
    global kept
    kept = value
    print("kept", value)


def number() -> int:
    import os

    return os.getpid()


def recall() -> Any:
    return kept


def twice() -> Any:
    return 2 * recall()


def fail() -> None:
    raise KeyError("a\nb")


def end() -> None:
    import sys

    print("no space left on device", file=sys.stderr)
    sys.exit(3)


def wait(seconds: float) -> None:
    import time

    time.sleep(seconds)


def listen(port: int) -> None:
    import socket

    global kept
    kept = socket.create_server(("127.0.0.1", port))


def test_a_process_is_another_one_and_keeps_what_its_functions_made(capsys: pytest.CaptureFixture[str]) -> None:
    with Process("a") as a, Process("b") as b:
        assert len({os.getpid(), a(number), b(number)}) == 3
        a(remember, 5)
        assert a(recall) == 5
        with pytest.raises(ProcessError, match=r"^b: NameError: name 'kept' is not defined$"):
            b(recall)
    assert capsys.readouterr().out == "kept 5\n"


def test_functions_that_others_call_there() -> None:
    with Process("a") as process:
        with pytest.raises(ProcessError, match="'recall' is not defined"):
            process(twice)
        process.tell(recall, remember)
        process(remember, 4)
        assert process(twice) == 8


def test_the_line_that_says_what_is_wrong() -> None:
    around = (
        "Graph execution error:\n\nDetected at node 'v' defined at (most recent call last):\n    File \"x\", line 1"
    )
    told = "FAILED_PRECONDITION: From /job:worker/replica:0/task:1:\nCould not find v.\n\t [[{{node v}}]]"
    for text in (f"{around}\nNode: 'v'\n{around}\nNode: 'v'\n=====\n{told}", f"{around}\nNode: 'v'\n{told[21:]}"):
        assert _line(text) == "Could not find v."
    assert (_line("one\ntwo"), _line("Graph execution error:"), _line("")) == ("one", "Graph execution error:", "")


def test_together_keeps_the_order() -> None:
    team = [Process(name) for name in "zay"]
    begun = time.monotonic()
    assert together({p: [1.0] for p in team}, wait) == {"z": None, "a": None, "y": None}
    assert time.monotonic() - begun < 30
    assert stop(team) == {"z": 0, "a": 0, "y": 0}


def test_an_error_is_one_line_and_the_process_goes_on() -> None:
    with Process("worker 1") as process:
        with pytest.raises(ProcessError, match=r"^worker 1: KeyError: 'a\\nb'$"):
            process(fail)
        assert process(pow, 2, 3) == 8


def test_a_process_that_ends_is_named_with_its_code_and_last_line() -> None:
    with Process("worker 1") as process:
        expected = "worker 1 ended with exit code 3; its last line: no space left on device"
        with pytest.raises(ProcessError, match=f"^{expected}$"):
            process(end)
        with pytest.raises(ProcessError, match=f"^{expected}$"):
            process(pow, 2, 3)


def test_no_answer_in_time() -> None:
    with (
        Process("slow") as process,
        pytest.raises(ProcessError, match=r"^slow gave no answer in 0\.5 seconds and was stopped$"),
    ):
        process(wait, 60, timeout=0.5)
    assert process.stop() != 0


def test_a_process_does_not_outlive_its_time() -> None:
    with Process("old", life=1.0) as process, pytest.raises(ProcessError, match="ended with exit code 99"):
        process(wait, 60)


@pytest.mark.skipif(sys.platform == "win32", reason="os.kill(…, 0) ends a process there")
def test_a_process_ends_when_its_notebook_is_gone() -> None:
    asked = """p(eval, "__import__('os').getpid()")"""
    code = f"import cluster, os; p = cluster.Process('a'); print({asked}, flush=True); os._exit(1)"
    here = Path(sys.modules["cluster"].__file__ or "").parent
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=here, check=False)
    for _ in range(300):
        try:
            os.kill(int(ran.stdout), 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    pytest.fail("it is still there")


def test_ports() -> None:
    ports = free_ports(3)
    assert len(set(ports)) == 3
    assert open_ports(ports) == []
    with Process("a") as process:
        process(listen, ports[1])
        assert open_ports(ports) == [ports[1]]
    with socket.create_server((HOST, ports[0])):
        assert open_ports(ports) == [ports[0]]
