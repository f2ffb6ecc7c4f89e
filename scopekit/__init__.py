"""scopekit says which variables of a TensorFlow graph are shared, and by which calls.

``import scopekit as sk`` costs nothing and does not import TensorFlow. What it does: it sets the environment
that keeps TensorFlow's start-up quiet, unless the reader has set it already. The names below are loaded
when they are first used.
"""

import os as _os
from importlib import import_module as _import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scopekit import rules as rules
    from scopekit.check import check_shared as check_shared
    from scopekit.check import same as same
    from scopekit.check import where as where
    from scopekit.graph import ScopeGraph as ScopeGraph
    from scopekit.graph import ScopekitError as ScopekitError
    from scopekit.matching import match as match
    from scopekit.readers import read as read
    from scopekit.show.outline import tree as tree
    from scopekit.show.svg import dot as dot
    from scopekit.show.svg import picture as picture
    from scopekit.show.table import variables as variables
    from scopekit.tracing import trace as trace

__version__ = "0.1.0"

# Where each public name lives. It is loaded at its first use, so that `import scopekit.rules` stays light.
_HOME = {
    "read": "scopekit.readers",
    "variables": "scopekit.show.table",
    "tree": "scopekit.show.outline",
    "picture": "scopekit.show.svg",
    "dot": "scopekit.show.svg",
    "same": "scopekit.check",
    "check_shared": "scopekit.check",
    "match": "scopekit.matching",
    "trace": "scopekit.tracing",
    "where": "scopekit.check",
    "ScopeGraph": "scopekit.graph",
    "ScopekitError": "scopekit.graph",
}

# TensorFlow reads these once, when it is imported; a value that the reader has set stays.
_QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "0"}
for _name, _value in _QUIET.items():
    _os.environ.setdefault(_name, _value)


def __getattr__(name: str) -> object:
    if name == "rules":
        return _import_module("scopekit.rules")
    if name in _HOME:
        return getattr(_import_module(_HOME[name]), name)
    raise AttributeError(f"module 'scopekit' has no attribute {name!r}; it has: {', '.join(__dir__())}")


def __dir__() -> list[str]:
    return sorted([*_HOME, "rules"])
