"""The command line: what it prints, its exit codes, its one-line errors, and that it is quick to start."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from scopekit.__main__ import main

ROOT = Path(__file__).resolve().parent.parent
LONG = "a_scope_with_a_name_so_long_that_no_terminal_has_room_for_it_and_for_what_follows"


def op(name: str, kind: str, *inputs: str, shape: str = "") -> str:
    given = "".join(f' input: "{each}"' for each in inputs)
    attrs = (
        f'attr {{ key: "shape" value {{ shape {{ {shape} }} }} }} attr {{ key: "dtype" value {{ type: DT_FLOAT }} }}'
    )
    return f'node {{ name: "{name}" op: "{kind}"{given} {attrs if shape else ""} }}\n'


def graph(*scopes: str) -> str:
    """Return the text of a graph in which each of `scopes` reads ``net/w``."""
    lines = [op("net/w", "VariableV2", shape="dim { size: 2 } dim { size: 3 }"), op("net/w/read", "Identity", "net/w")]
    lines += [op("x", "Placeholder"), *(op(f"{scope}/MatMul", "MatMul", "x", "net/w/read") for scope in scopes)]
    return "".join(lines)


@pytest.fixture
def shared(tmp_path: Path) -> str:
    path = tmp_path / "shared.pbtxt"
    path.write_text(graph("net", "net_1"))
    return str(path)


@pytest.fixture
def private(tmp_path: Path) -> str:
    path = tmp_path / "private.pbtxt"
    path.write_text(graph(LONG))
    return str(path)


def run(*arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "scopekit", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", timeout=60, **more)


def test_without_options(shared: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([shared]) == 0
    assert capsys.readouterr().out == (
        "shared.pbtxt: 5 ops, 1 variable, 6 parameters (24 B); 1 shared, without sharing 2 variables\n"
        "S 1 variable read by both net and net_1 (called again):\n"
        "    net/w  2×3\n"
    )


def test_variables_and_tree(shared: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([shared, "--variables", "--tree"]) == 0
    assert capsys.readouterr().out == (
        "   name   shape  parameters  shared        read from\n"
        "S  net/w  2×3    6           called again  net and net_1\n"
        "1 variable, by its name\n"
        "└─ net  1, S 1\n"
        "   └─ w  2×3  S read by net and net_1\n"
        "3 ops in name scopes, and 2 that belong to variables  (x)\n"
        "├─ net  1  (MatMul)\n"
        "└─ net_1  1  (MatMul)\n"
    )


def test_shared_answers_with_its_exit_code(shared: str, private: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([shared, "--shared"]) == 0
    assert capsys.readouterr().out.startswith("S 1 variable read by both net and net_1")
    assert main([private, "--shared"]) == 1
    assert capsys.readouterr() == ("", "")
    assert main([private]) == 0


def test_json_has_the_promised_shape(shared: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([shared, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "source": "shared.pbtxt",
        "totals": {"ops": 5, "variables": 1, "parameters": 6, "bytes": 24, "shared": 1, "without_sharing": 2},
        "variables": [
            {
                "name": "net/w",
                "kind": "ref",
                "shape": [2, 3],
                "dtype": "float32",
                "parameters": 6,
                "trainable": None,
                "shared": "called again",
                "calls": [{"name": "net", "ops": ["net/MatMul"]}, {"name": "net_1", "ops": ["net_1/MatMul"]}],
                "others": {},
            }
        ],
        "suspicions": [],
    }


def test_html_is_written_whole_or_not_at_all(shared: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "page.html"
    assert main([shared, "--html", str(out)]) == 0
    assert out.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert capsys.readouterr().out == f"{out}: {out.stat().st_size:,} bytes\n"
    before = sorted(tmp_path.iterdir())
    (tmp_path / "folder").mkdir()
    for target in (tmp_path / "folder", tmp_path / "none" / "page.html", Path(shared)):
        with pytest.raises(SystemExit, match="2"):
            main([shared, "--html", str(target)])
    assert sorted(tmp_path.iterdir()) == sorted([*before, tmp_path / "folder"])
    assert Path(shared).read_text() == graph("net", "net_1")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "FILE"),
        (["-"], "standard input is not read"),
        (["nowhere.meta"], "nowhere.meta"),
        (["nowhere.meta", "--nothing"], "--nothing"),
        (["nowhere.meta", "--json", "--tree"], "leave out"),
        (["no\x1b[2Jwhere\n.meta"], "no\\x1b[2Jwhere\\n.meta"),
    ],
)
def test_bad_input_is_one_line(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    out, err = capsys.readouterr()
    assert (stop.value.code, out) == (2, "")
    assert err.startswith("scopekit: error: ") and err.count("\n") == 1
    assert words in err and "Traceback" not in err


def test_a_damaged_file_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "damaged.meta"
    path.write_bytes(b"\x0a\xff\xff\xff\x7f damaged")
    with pytest.raises(SystemExit, match="2"):
        main([str(path)])
    assert "damaged.meta" in capsys.readouterr().err


def test_help_has_examples_and_fits_80_columns() -> None:
    run_ = run("--help", env={**os.environ, "COLUMNS": "80"})
    assert run_.returncode == 0 and not run_.stderr
    assert "examples:" in run_.stdout and "exit codes:" in run_.stdout and '"without_sharing"' in run_.stdout
    assert max(map(len, run_.stdout.split("\n"))) <= 80


def test_a_pipe_gets_whole_names_without_colour(private: str) -> None:
    done = run(private, "--variables", env={**os.environ, "COLUMNS": "80"})
    assert LONG in done.stdout and "\x1b" not in done.stdout and not done.stderr


def test_a_terminal_gets_lines_that_fit(private: str, capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "60")
    assert main([private, "--variables"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [len(line) for line in lines] == [45, 60]
    assert lines[1].startswith("  net/w  2×3    6           no      a_scope") and lines[1].endswith("…")


def test_output_in_an_encoding_that_lacks_the_signs(shared: str) -> None:
    done = run(shared, "--tree", env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0 and "2\\xd73" in done.stdout and not done.stderr


def test_a_closed_pipe_is_quiet(tmp_path: Path) -> None:
    path = tmp_path / "many.pbtxt"
    path.write_text("".join(op(f"net/w{i}", "VariableV2", shape="dim { size: 2 }") for i in range(5000)))
    with subprocess.Popen(
        [sys.executable, "-m", "scopekit", str(path), "--variables"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout and process.stderr
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 0


@pytest.mark.parametrize("option", ["--variables", "--tree", "--shared", "--json", "--html"])
def test_neither_tensorflow_nor_pandas_is_imported(option: str, shared: str, tmp_path: Path) -> None:
    program = (
        "import sys; from scopekit.__main__ import main; main(sys.argv[1:])\n"
        "heavy = {'tensorflow', 'pandas', 'numpy'} & set(sys.modules); sys.exit(f'imports {heavy}' if heavy else 0)"
    )
    extra = [str(tmp_path / "page.html")] if option == "--html" else []
    done = subprocess.run(
        [sys.executable, "-c", program, shared, option, *extra], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
