"""A notebook that is opened alone gets scopekit and its data by itself: tried without a network, from a folder."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))

import launch  # noqa: E402


def git(where: Path, *words: str) -> None:
    subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b.c", *words], cwd=where, check=True)


def test_the_first_cell_fetches_what_the_others_need(tmp_path: Path) -> None:
    repository, home = tmp_path / "repository", tmp_path / "home"
    home.mkdir()
    for name in ("scopekit", "chapters/data"):
        shutil.copytree(ROOT / name, repository / name, ignore=shutil.ignore_patterns("__pycache__"))
    git(repository, "init", "-q")
    git(repository, "add", "-A")
    git(repository, "commit", "-qm", "all")

    text = launch.copy((ROOT / "chapters" / "image_filters.ipynb").read_text(encoding="utf-8"), repository.as_uri())
    cell = "".join(json.loads(text)["cells"][0]["source"])
    says = (
        "\nimport scopekit; print(Path(scopekit.__file__).parent.parent == book, Path('data/cat.png').exists())"
        "\nprint(subprocess.run([sys.executable, '-m', 'scopekit', '--help'], stdout=subprocess.PIPE).returncode)"
    )
    environment = {**os.environ, "HOME": str(home), "USERPROFILE": str(home)}
    environment.pop("PYTHONPATH", None)
    for _ in range(2):  # the second time nothing is fetched
        ran = subprocess.run(
            [sys.executable, "-I", "-c", cell + says], cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert ran.stdout == "True True\n0\n", ran.stderr
        shutil.rmtree(repository, ignore_errors=True)


def test_a_copy_is_the_notebook_and_one_cell(tmp_path: Path) -> None:
    text = (ROOT / "chapters" / "reuse.ipynb").read_text(encoding="utf-8")
    first, *rest = json.loads(launch.copy(text, "https://x"))["cells"]
    assert rest == json.loads(text)["cells"]
    assert "'https://x'" in "".join(first["source"])


def test_there_are_copies_only_where_a_repository_is_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    sources = tmp_path / "_sources" / "chapters"
    sources.mkdir(parents=True)
    shutil.copy(ROOT / "chapters" / "reuse.ipynb", sources)
    monkeypatch.setattr(launch, "repository", lambda: "")
    launch.main(tmp_path)
    assert not (tmp_path / "launch").exists()
    monkeypatch.setattr(launch, "repository", lambda: "https://x")
    launch.main(tmp_path)
    assert [path.name for path in (tmp_path / "launch").iterdir()] == ["reuse.ipynb"]
