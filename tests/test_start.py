"""What `import scopekit` does, and what it leaves alone."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import scopekit as sk


def python(code: str, **environment: str) -> str:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("TF_")}
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**clean, **environment}, check=True
    )
    return ran.stdout.strip()


def test_import_brings_neither_tensorflow_nor_pandas() -> None:
    heavy = ("tensorflow", "pandas", "numpy", "google.protobuf")
    assert python(f"import sys, scopekit; print([m for m in {heavy} if m in sys.modules])") == "[]"


def test_import_quiets_tensorflow() -> None:
    code = "import os, scopekit; print(os.environ['TF_CPP_MIN_LOG_LEVEL'], os.environ['TF_ENABLE_ONEDNN_OPTS'])"
    assert python(code) == "3 0"


def test_what_the_user_has_set_stays() -> None:
    code = "import os, scopekit; print(os.environ['TF_CPP_MIN_LOG_LEVEL'], os.environ['TF_ENABLE_ONEDNN_OPTS'])"
    assert python(code, TF_CPP_MIN_LOG_LEVEL="0", TF_ENABLE_ONEDNN_OPTS="1") == "0 1"


def test_import_hides_no_gpu() -> None:
    assert python("import os, scopekit; print(os.environ.get('CUDA_VISIBLE_DEVICES'))", CUDA_VISIBLE_DEVICES="0") == "0"


def test_every_public_name_is_there() -> None:
    for name in dir(sk):
        assert getattr(sk, name) is not None
    assert sk.trace is sk.trace  # a function, also after its module was loaded
    assert callable(sk.trace)


def test_an_unknown_name_is_told_what_there_is() -> None:
    with pytest.raises(AttributeError, match=r"module 'scopekit' has no attribute 'pictures'; it has: .*picture"):
        sk.pictures  # noqa: B018
