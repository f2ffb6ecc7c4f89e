"""The project's commands: `make NAME` calls `python tools/tasks.py NAME`; on Windows call it so yourself.

In: a task's name. Out: what the task makes. Standard library only, and readable to Python 3.6, because it has
to say "your Python is too old" in one line instead of failing on its own syntax.
"""

import argparse
import hashlib
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
HTML = ROOT / "_build" / "html" / "index.html"
LOG = ROOT / ".venv-install.log"

NBVAL = ["--nbval", "--nbval-current-env", "--nbval-cell-timeout=120"]
OLDEST, NEWEST = (3, 11), (3, 13)  # TensorFlow 2.21 has wheels for these; the pages alone build on newer ones

# What a kernel of this environment prints: an error is its last line, and a C++ log line on the process's own
# stderr (TensorFlow writes two where it finds no GPU, whatever the log level) is not an output of the cell.
KERNEL_CONFIG = """\
c.InteractiveShell.xmode = "Minimal"
c.InteractiveShell.colors = "nocolor"
c.IPKernelApp.capture_fd_output = False
"""


def stop(message):
    """End with one line that says what is wrong and what to do."""
    sys.exit("whose-weights: " + message)


def run(*command, **options):
    """Run `command` from the project's root; end with its exit code if it fails."""
    code = subprocess.call([str(word) for word in command], cwd=str(ROOT), **options)
    if code:
        sys.exit(code)


def check_python(needs_tensorflow):
    """End unless this Python can hold the set that is about to be installed."""
    here, have = sys.version_info[:2], platform.python_version()
    if here < OLDEST:
        stop("Python {} is too old; 3.11 or newer is needed: make PYTHON=python3.12 …".format(have))
    if needs_tensorflow and here > NEWEST:
        stop("TensorFlow 2.21 has no wheel for Python {}; use 3.11 to 3.13: make PYTHON=python3.13 …".format(have))


def install(name):
    """Bring .venv to the locked set `name` (book or full); do nothing, and ask no network, where it is there.

    A stamp beside the environment holds the digest of what was installed. The full set contains the book's.
    """
    locks = {each: ROOT / "requirements" / (each + ".txt") for each in ("book", "full")}
    digest = {
        each: hashlib.sha256(lock.read_bytes() + KERNEL_CONFIG.encode()).hexdigest() for each, lock in locks.items()
    }
    stamp = VENV / "installed.txt"
    have = stamp.read_text().split() if stamp.exists() and PYTHON.exists() else []
    if have in ([name, digest[name]], ["full", digest["full"]]):
        return
    check_python(needs_tensorflow=name == "full")
    print("whose-weights: installing the locked {} set into {}".format(name, VENV.name), flush=True)
    uv = shutil.which("uv")
    try:
        with LOG.open("w") as out:
            for command in install_commands(name, locks[name], uv):
                subprocess.run(
                    [str(word) for word in command],
                    cwd=str(ROOT),
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    check=True,
                )
    except (OSError, subprocess.CalledProcessError):
        last = [line.strip() for line in LOG.read_text(errors="replace").splitlines() if line.strip()][-1:]
        stop(
            "could not install requirements/{}.txt ({}). Is the network there? All of it: {}".format(
                name, (last or ["no output"])[0][:160], LOG.name
            )
        )
    config = VENV / "etc" / "ipython" / "ipython_kernel_config.py"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(KERNEL_CONFIG)
    stamp.write_text(name + " " + digest[name])
    LOG.unlink()


def install_commands(name, lock, uv):
    """Return the commands that install `lock` into .venv: by uv where it is there, else by venv and pip."""
    commands = []
    # An environment that uv made has no pip in it; where uv has gone since, it is made anew.
    fresh = not PYTHON.exists() or not (uv or any(VENV.glob("**/site-packages/pip")))
    if uv:
        if fresh:
            commands.append([uv, "venv", "--clear", "--python", sys.executable, VENV])
        pip = [uv, "pip", "install", "--compile-bytecode", "--python", PYTHON]
    else:
        if fresh:
            commands.append([sys.executable, "-m", "venv", "--clear", VENV])
        pip = [PYTHON, "-m", "pip", "install", "--disable-pip-version-check"]
    commands.append(pip + ["--require-hashes", "-r", lock])
    if name == "full":  # scopekit itself, editable; its build tool is in the lock, so no index is asked
        commands.append(pip + ["--no-deps", "--no-build-isolation", "-e", ROOT])
    return commands


def build_html():
    """Build the pages clean, each warning an error: only a clean build reports them all."""
    shutil.rmtree(str(ROOT / "_build"), ignore_errors=True)
    for name in ("reference", "status"):  # the pages that are made and not written
        run(PYTHON, ROOT / "tools" / (name + ".py"))
    log = ROOT / "_build.log"
    with log.open("w") as out:
        code = subprocess.call(
            [str(BIN / "jupyter-book"), "build", ".", "-n", "-W", "--keep-going", "--all"],
            cwd=str(ROOT),
            stdout=out,
            stderr=subprocess.STDOUT,
            env=dict(os.environ, NO_COLOR="1"),
        )
    text = log.read_text(errors="replace")
    log.unlink()
    if code or not HTML.exists():
        found = [line for line in text.splitlines() if "WARNING" in line or "ERROR" in line or "Error:" in line]
        print("\n".join(found[:20]) or text[-3000:])
        stop("the book does not build; the lines above name the file.")
    for name in ("finish", "launch"):
        run(PYTHON, ROOT / "tools" / (name + ".py"), HTML.parent)
    print("The book: " + HTML.as_uri())


def environment():
    """Return the environment of what runs cells: no GPU is looked for, so that the outputs are alike."""
    return dict(os.environ, CUDA_VISIBLE_DEVICES="-1", PYTHONHASHSEED="0")


def book(_):
    """make .venv, install the locked book set, build the HTML"""
    install("book")
    build_html()


def test(_):
    """install the locked full set; run every check, test and cell; build the book"""
    install("full")
    run(PYTHON, "-m", "ruff", "check", ".")
    run(PYTHON, "-m", "ruff", "format", "--check", ".")
    run(PYTHON, "-m", "mypy")
    run(PYTHON, "-m", "codespell_lib")
    build_html()
    workers = ["-n", str(min(4, os.cpu_count() or 1)), "--dist", "loadfile"]
    run(PYTHON, "-m", "pytest", "-q", *NBVAL, *workers, "tests", "scopekit", "chapters", env=environment())


def test_web(_):
    """look at every page in the system's Chromium: accessible, light, whole on a phone, usable by keyboard"""
    install("full")
    build_html()
    workers = ["-n", str(min(4, os.cpu_count() or 1))]
    run(PYTHON, "-m", "pytest", "-q", *workers, "tests/web")


def cover(_):
    """draw the picture that links to the book show, in the system's Chromium"""
    install("full")
    run(PYTHON, "tools/cover.py")


def lab(_):
    """open JupyterLab on the chapters"""
    install("full")
    run(PYTHON, "-m", "jupyterlab", "chapters")


def refresh(names):
    """run the chapters named (or all) again and store their outputs in canonical form"""
    install("full")
    run(PYTHON, "tools/refresh.py", *names, env=environment())


def check(names):
    """run the cells of the chapters named, their form and the index of questions"""
    install("full")
    names, known = [Path(name).stem for name in names], sorted(path.stem for path in ROOT.glob("chapters/*.ipynb"))
    missing = [name for name in names if name not in known]
    if missing or not names:
        stop("check: no chapter {!r}; there are: {}".format(" ".join(missing), ", ".join(known)))
    files = ["chapters/" + name + ".ipynb" for name in names]
    run(
        PYTHON, "-m", "pytest", "-q", *NBVAL, "tests/test_form.py", "tests/test_questions.py", *files, env=environment()
    )


def chapter(names):
    """make a new chapter from the template, run it, and put it into the book"""
    install("full")
    run(PYTHON, "tools/chapter.py", *names, env=environment())


def question(_):
    """add a question to the index: asks for the section, the proof and the words"""
    install("full")
    run(PYTHON, "tools/question.py")


def bench(_):
    """measure scopekit against what a reader would otherwise use"""
    install("full")
    for name in ("read", "draw", "trace", "rules"):
        run(PYTHON, ROOT / "bench" / (name + ".py"), env=environment())


def prove(names):
    """N=… random programs on which scopekit.rules and TensorFlow must agree"""
    install("full")
    run(PYTHON, "tests/prove_rules.py", *(names or ["2000"]), env=environment())


def links(_):
    """try the links that lead out of the book, where there is a network"""
    install("book")
    run(PYTHON, "tools/links.py")


def lock(_):
    """make requirements/*.txt anew from the *.in beside them (needs uv)"""
    uv = shutil.which("uv")
    if not uv:
        stop("'lock' needs uv, which alone locks for all platforms at once: pip install uv")
    shared = [uv, "pip", "compile", "--quiet", "--universal", "--python-version", "3.11", "--generate-hashes"]
    shared += ["--no-header", "--no-config", "--upgrade"]
    run(*shared, "requirements/full.in", "-o", "requirements/full.txt")
    run(*shared, "requirements/book.in", "-c", "requirements/full.txt", "-o", "requirements/book.txt")


def clean(_):
    """remove .venv and everything built"""
    for name in (".venv", "_build", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis"):
        shutil.rmtree(str(ROOT / name), ignore_errors=True)


TASKS = {
    each.__name__.replace("_", "-"): each
    for each in (book, test, test_web, lab, refresh, check, chapter, question, cover, bench, prove, links, lock, clean)
}


def main():
    """Run the task that the command line names."""
    listing = "\n".join("  {:<10}{}".format(name, task.__doc__) for name, task in TASKS.items())
    parser = argparse.ArgumentParser(
        prog="tasks.py",
        description="The project's commands.",
        epilog="tasks:\n" + listing,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("task", choices=sorted(TASKS), metavar="task", help="one of the tasks below")
    parser.add_argument("names", nargs="*", help="refresh, check, chapter: chapters; prove: how many programs")
    wanted = parser.parse_args()
    TASKS[wanted.task](wanted.names)


if __name__ == "__main__":
    main()
