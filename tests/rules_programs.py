"""Random programs over the names of `scopekit.rules`, as data, and the interpreter that runs one on a module.

A program is a nested list of statements, `[kind, argument, ..., body]`. `generate` makes one from any
`random.Random`: a seeded one for speed, hypothesis' own for shrinking. `run` gives the log of what a module
(`tf.compat.v1` or `scopekit.rules`) did: names, identities, flags, collections, and for each error its type and
first line. A statement that raises is logged and the program goes on, except inside `strict`.
"""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators, allow-incomplete-defs

import re
from pathlib import Path
from typing import Any

MORE = 3  # a body has up to this many statements at depth 0, fewer further down
NAMES = [
    "a",
    "b",
    "w",
    "A",
    "a/b",
    "w_1",
    "a_1",
    "a/",
    "",
    "b/w",
    "a/w",
    "W",
    "a_1_1",
    "Variable",
    "a.b",
    "w/Read",
    "w/part_0",
]
ODD_NAMES = [
    "_a",
    "a b",
    "a:0",
    "-x",
    ".",
    None,
    "w/Initializer",
    "w/Assign",
    "Add",
    "é",
    "/a",
    "a?",
    "a>b",
]
SHAPES = [None, [2], [], [3], [2, 3], (2,), 2, [None], [None, 2], [0], [40, 30]]
ODD_SHAPES = [[-1], [2, -3]]
DTYPES = [None, "float32", "int32", "bool", "string", "float64", "complex64"]
ODD_DTYPES = ["nonsense", float, "half"]
REUSE = [None, True, "AUTO_REUSE", False]
VALUES = [1.0, 3, [1.0, 2.0], True, "s", [[1, 2], [3, 4]], [], 1.5]
ODD_VALUES: list[Any] = [None, 2**40, [1, 2.5], [True, 2], {}]
INITIALIZERS = ["zeros", "lambda", "fn", "glorot", "zeros class", "partial", "op", "raises", "needs two"]
REGULARIZERS = ["identity", "none", "add", "not callable", "raises"]
GETTERS = ["same", "suffix", "other", "twice", "identity", "reuse", "raises", "not callable", "no kwargs"]
KEYS = ["variables", "trainable_variables", "local_variables", "mine", "regularization_losses"]
KINDS = {"Variable": "variable", "ResourceVariable": "variable", "RefVariable": "variable", "Tensor": "tensor"}
KINDS |= {"SymbolicTensor": "tensor", "Operation": "op", "_LazyEvalTensor": "loss"}
PATTERNS = [None, "", "a", "a/", "A", ".*w", "b", "("]


# ------------------------------------------------------------------------------------------ generate


def generate(random: Any, odd: float = 0.08) -> list[Any]:
    """Return one program; `odd` is the chance of an unusual value wherever one could stand."""
    return _Generator(random, odd).body(0, 6)


class _Generator:
    def __init__(self, random, odd):
        self.random, self.odd = random, odd

    def chance(self, p):
        return self.random.random() < p

    def pick(self, usual, unusual=()):
        return self.random.choice(unusual if unusual and self.chance(self.odd) else usual)

    def name(self):
        return self.pick(NAMES[:6] if self.chance(0.7) else NAMES, ODD_NAMES)

    def index(self):
        return self.random.randrange(4)

    def body(self, depth, most=MORE) -> list[Any]:
        return [self.statement(depth) for _ in range(self.random.randrange(1, most + 1))]

    def statement(self, depth):
        kinds = ["get", "variable_scope", "name_scope", "op", "variable"] * 3
        kinds += ["show", "reuse_variables", "collection", "template", "call", "jump", "graph"]
        kinds += ["unique_name", "try", "raise", "set", "scope", "strict", "add_to_collection"]
        kind = self.pick(kinds)
        if depth > 3 and kind in (
            "variable_scope",
            "name_scope",
            "template",
            "jump",
            "graph",
            "try",
            "strict",
        ):
            kind = "get"
        return getattr(self, kind)(depth + 1)

    def some(self, p, **choices):
        """Return each argument with probability p."""
        return {key: choose() for key, choose in choices.items() if self.chance(p)}

    def initializer(self):
        return self.pick(["fn " + self.pick(INITIALIZERS), "value " + str(self.index()), "tensor " + str(self.index())])

    def value(self):
        return self.pick(VALUES, ODD_VALUES)

    def operand(self):
        return ["tensor", self.index()] if self.chance(0.7) else ["value", self.value()]

    def get(self, depth):
        arguments = self.some(0.75, shape=lambda: self.pick(SHAPES[:5] if self.chance(0.8) else SHAPES, ODD_SHAPES))
        arguments |= self.some(0.12, dtype=lambda: self.pick(DTYPES, ODD_DTYPES), initializer=self.initializer)
        if "shape" not in arguments or self.chance(0.1):
            arguments["initializer"] = self.initializer()
        arguments |= self.some(
            0.05,
            trainable=lambda: self.pick([False, True, None]),
            collections=lambda: self.pick([["mine"], [], ["variables", "mine"], "mine", None]),
            regularizer=lambda: self.pick(REGULARIZERS),
            custom_getter=lambda: self.pick(GETTERS),
            use_resource=lambda: self.pick([False, True, None]),
            constraint=lambda: self.pick(["none", "not callable"]),
            validate_shape=lambda: self.pick([True, False]),
        )
        return ["get", self.name(), arguments]

    def variable(self, depth):
        arguments = self.some(0.7, name=lambda: self.pick(NAMES, ODD_NAMES))
        arguments["initial_value"] = self.pick([self.initializer(), ["value", self.value()], ["tensor", self.index()]])
        arguments |= self.some(
            0.07,
            dtype=lambda: self.pick(DTYPES, ODD_DTYPES),
            shape=lambda: self.pick(SHAPES, ODD_SHAPES),
            trainable=lambda: self.pick([False, True, None]),
            collections=lambda: self.pick([["mine"], [], ["trainable_variables"], "mine"]),
            use_resource=lambda: self.pick([False, True]),
            constraint=lambda: self.pick(["none", "not callable"]),
        )
        return ["variable", arguments]

    def variable_scope(self, depth):
        target = self.name()
        arguments = self.some(
            0.12,
            auxiliary_name_scope=lambda: self.pick([False, True], [None]),
            initializer=self.initializer,
            dtype=lambda: self.pick(DTYPES),
            regularizer=lambda: self.pick(REGULARIZERS),
            custom_getter=lambda: self.pick(GETTERS),
            use_resource=lambda: self.pick([False, True]),
            constraint=lambda: self.pick(["none", "not callable"]),
            values=lambda: [self.operand()],
        )
        arguments |= self.some(0.4, reuse=lambda: self.pick(REUSE, [1, "yes", 0]))
        if self.chance(0.2):
            target, arguments["default_name"] = None, self.name()
            if self.chance(0.8):
                arguments.pop("reuse", None)
        return ["variable_scope", target, arguments, self.body(depth)]

    def jump(self, depth):
        arguments = self.some(0.3, reuse=lambda: self.pick(REUSE), auxiliary_name_scope=lambda: False)
        arguments |= self.some(0.1, dtype=lambda: self.pick(DTYPES), custom_getter=lambda: self.pick(GETTERS))
        arguments |= self.some(0.1, default_name=self.name, use_resource=lambda: self.pick([False, True]))
        return ["variable_scope", ["scope", self.index()], arguments, self.body(depth)]

    def name_scope(self, depth):
        target = self.pick(["name"] * 5 + ["original", "current/", None])
        target = self.name() if target == "name" else target and [target, self.index()]
        arguments = self.some(0.15, default_name=self.name, values=lambda: [self.operand(), self.operand()])
        return ["name_scope", target, arguments, self.body(depth)]

    def graph(self, depth):
        return ["graph", self.random.randrange(2), self.body(depth)]

    def op(self, depth):
        kind = self.pick(["identity", "constant", "no_op", "add", "placeholder"])
        arguments = self.some(0.6, name=self.name)
        if kind in ("identity", "add"):
            return ["op", kind, [self.operand() for _ in range(1 if kind == "identity" else 2)], arguments]
        if kind == "constant":
            arguments |= self.some(0.15, dtype=lambda: self.pick(DTYPES, ODD_DTYPES))
            arguments |= self.some(0.15, shape=lambda: self.pick([[2], [], [2, 2], (3,)], [[0]]))
            return ["op", kind, [["value", self.value()]], arguments]
        if kind == "placeholder":
            arguments |= self.some(0.6, shape=lambda: self.pick(SHAPES, ODD_SHAPES))
            return ["op", kind, [["value", self.pick(["float32", "int32", "bool"], ODD_DTYPES)]], arguments]
        return ["op", kind, [], arguments]

    def show(self, depth):
        return ["show"]

    def reuse_variables(self, depth):
        return ["reuse_variables", self.pick([None, None, self.index()])]

    def set(self, depth):
        what, value = self.pick(
            [
                ("initializer", self.initializer()),
                ("dtype", self.pick(DTYPES)),
                ("custom_getter", self.pick(GETTERS)),
                ("use_resource", self.pick([False, True, None])),
                ("regularizer", self.pick(REGULARIZERS)),
            ]
        )
        return ["set", self.pick([None, None, self.index()]), what, value]

    def scope(self, depth):
        return ["scope", self.pick(REUSE), self.name(), self.some(0.3, name_scope=self.name)]

    def collection(self, depth):
        where = self.pick(["graph", "scope", "function", "function", "template"])
        return ["collection", where, self.pick(KEYS), self.pick(PATTERNS), self.index()]

    def add_to_collection(self, depth):
        return ["add_to_collection", self.pick(KEYS), self.index()]

    def unique_name(self, depth):
        return ["unique_name", self.name(), self.pick([True, False])]

    def template(self, depth):
        arguments = self.some(
            0.25,
            create_scope_now_=lambda: True,
            unique_name_=lambda: self.pick(NAMES),
            custom_getter_=lambda: self.pick(GETTERS),
        )
        return ["template", self.pick(NAMES), arguments, self.body(depth)]

    def call(self, depth):
        return ["call", self.index()]

    def strict(self, depth):
        return ["strict", self.body(depth)]

    # `try` and `raise` are words of Python
    def __getattr__(self, kind):
        if kind == "try":
            return lambda depth: ["try", self.body(depth)]
        if kind == "raise":
            return lambda depth: ["raise"]
        raise AttributeError(kind)


# ----------------------------------------------------------------------------------------------- run


class Boom(Exception):
    """What a program's own `raise` raises."""


class NotModelled(Exception):
    """The model said NotImplementedError: what it did until then is compared."""


def run(program: list[Any], module: Any) -> tuple[list[Any], bool]:
    """Return the log of a program, and whether it ran to its end (False: the model does not cover a statement)."""
    return _Interpreter(module).main(program)


def first_sentence(error: BaseException) -> tuple[str, str]:
    """Return an error's type and the first sentence of its message, without addresses in memory."""
    text = str(error.args[0]) if error.args else ""
    sentence = re.split(r"(?<=[.!?])\s|\n", text)[0]
    return type(error).__name__, re.sub(r"0x[0-9a-f]+", "0x", sentence)


class _Interpreter:
    def __init__(self, module):
        self.module, self.is_model = module, module.__name__ == "scopekit.rules"
        self.log, self.seen = [], []
        self.tensors, self.scopes, self.templates = [], [], []
        self.calls, self.covered = 0, None

    def main(self, program) -> tuple[list[Any], bool]:
        self.graphs = [self.module.Graph(), self.module.Graph()]
        with self.graphs[0].as_default():
            try:
                self.run(program, strict=False)
            except Boom:
                self.log.append("Boom")
            except Exception:
                if self.covered is None:
                    raise
        if self.covered is not None:
            return self.log[: self.covered], False
        for graph in self.graphs:
            self.log.append([(op.name, op.type) for op in graph.get_operations()])
            for key in KEYS:
                self.log.append((key, [self.show_value(item) for item in graph.get_collection(key)]))
        return self.log, True

    def run(self, body, strict):
        for statement in body:
            try:
                getattr(self, "do_" + statement[0])(*statement[1:], strict=strict)
            except (Boom, NotModelled):
                raise
            except NotImplementedError as error:
                if self.is_model:
                    self.covered = len(self.log)
                    raise NotModelled(str(error)) from None
                self.log.append((statement[0], *first_sentence(error)))
                if strict:
                    raise
            except Exception as error:  # every error of TensorFlow is to be compared
                self.log.append((statement[0], *first_sentence(error)))
                if strict:
                    raise

    # What a value looks like in the log

    def identity(self, value):
        for number, other in enumerate(self.seen):
            if other is value:
                return number
        self.seen.append(value)
        return len(self.seen) - 1

    def show_value(self, value):
        details: tuple[Any, ...]
        kind = KINDS.get(type(value).__name__)
        if kind == "variable":
            details = value.name, value.trainable, value.op.name, value.op.type, str(value.shape), value.dtype.name
        elif kind == "tensor":
            details = value.name, value.op.name, value.op.type, str(value.shape), value.dtype.name
        elif kind == "op":
            details = value.name, value.type
        elif kind == "loss":
            details = value.name, value.op.name
        else:  # what the program itself put there
            return value
        return kind, self.identity(value), details

    def show_scope(self, scope):
        flags = [str(scope.reuse), scope.use_resource, getattr(scope.dtype, "name", scope.dtype)]
        set_or_not = [scope.initializer is None, scope.regularizer is None, scope.custom_getter is None]
        return [self.identity(scope), scope.name, scope.original_name_scope, *flags, *set_or_not]

    def made(self, what, value):
        self.log.append((what, self.show_value(value)))
        if type(value).__name__ in KINDS:
            self.tensors.append(value)

    # What a description stands for

    def pick(self, items, index, otherwise=None):
        return items[-1 - index % len(items)] if items else otherwise

    def operand(self, what):
        kind, value = what
        return self.pick(self.tensors, value, 1.0) if kind == "tensor" else value

    def resolve(self, arguments):
        """Turn the words in a statement's arguments into objects of the module."""
        return {key: getattr(self, "arg_" + key, lambda value: value)(value) for key, value in arguments.items()}

    def arg_reuse(self, value):
        return self.module.AUTO_REUSE if value == "AUTO_REUSE" else value

    def arg_values(self, value):
        return [self.operand(item) for item in value]

    def arg_initial_value(self, value):
        return self.arg_initializer(value) if isinstance(value, str) else self.operand(value)

    def arg_initializer(self, value):
        m = self.module
        kind, rest = value.split(" ", 1)
        if kind == "value":
            return VALUES[int(rest)]
        if kind == "tensor":
            return self.pick(self.tensors, int(rest), 0.5)

        def fn(shape, dtype=None, partition_info=None):
            return m.constant(1, dtype, shape, name="made")

        def op():
            return m.identity(m.add(1.0, 2.0, name="sum"))

        def raises(shape=None, dtype=None):
            raise KeyError("initializer")

        def needs_two(one, two):
            return one

        return {
            "zeros": lambda: m.zeros_initializer(),
            "glorot": lambda: m.glorot_uniform_initializer(),
            "zeros class": lambda: m.zeros_initializer,
            "lambda": lambda: lambda: [1.0, 2.0],
            "partial": lambda: __import__("functools").partial(fn, [2]),
            "fn": lambda: fn,
            "op": lambda: op,
            "raises": lambda: raises,
            "needs two": lambda: needs_two,
        }[rest]()

    def arg_regularizer(self, value):
        m = self.module

        def raises(variable):
            raise KeyError("regularizer")

        return {
            "identity": m.identity,
            "none": m.no_regularizer,
            "add": lambda variable: m.add(variable, 1.0, name="loss"),
            "not callable": "word",
            "raises": raises,
        }[value]

    def arg_constraint(self, value):
        return None if value == "none" else "word"

    def arg_custom_getter(self, value):
        m = self.module

        def logged(function):
            def getter(getter, name, *args, **kwargs):
                shown = [str(kwargs.get("reuse")), kwargs.get("trainable"), str(kwargs.get("shape"))]
                self.log.append(("getter", name, getattr(kwargs.get("dtype"), "name", None), sorted(kwargs), shown))
                return function(getter, name, *args, **kwargs)

            return getter

        def no_kwargs(
            getter, name, shape, dtype, initializer, regularizer, reuse, trainable, collections, caching_device,
            partitioner, validate_shape, use_resource, synchronization, aggregation,
        ):  # fmt: skip
            return getter(name, shape, dtype, initializer, reuse=reuse)

        def raises(getter, name, **kwargs):
            raise KeyError("getter")

        return {
            "same": logged(lambda getter, *args, **kwargs: getter(*args, **kwargs)),
            "suffix": logged(lambda getter, name, **kwargs: getter(name + "_g", **kwargs)),
            "other": logged(lambda getter, name, **kwargs: "not a variable"),
            "twice": logged(
                lambda getter, name, **kwargs: (getter(name, **kwargs), getter(name + "/two", **kwargs))[1]
            ),
            "identity": logged(lambda getter, name, **kwargs: m.identity(getter(name, **kwargs), name="got")),
            "reuse": logged(lambda getter, name, **kwargs: getter(name, **{**kwargs, "reuse": m.AUTO_REUSE})),
            "raises": raises,
            "not callable": "word",
            "no kwargs": no_kwargs,
        }[value]

    arg_custom_getter_ = arg_custom_getter

    # The statements

    def do_get(self, name, arguments, strict):
        self.made("get", self.module.get_variable(name, **self.resolve(arguments)))

    def do_variable(self, arguments, strict):
        self.made("variable", self.module.Variable(**self.resolve(arguments)))

    def do_op(self, kind, operands, arguments, strict):
        operands = [self.operand(operand) for operand in operands]
        self.made(kind, getattr(self.module, kind)(*operands, **arguments))

    def inside(self, scope, body, strict):
        self.log.append(("open", self.module.get_default_graph().get_name_scope(), scope))
        self.run(body, strict)

    def do_variable_scope(self, target, arguments, body, strict):
        if isinstance(target, list):
            target = self.pick(self.scopes, target[1], "a")
        with self.module.variable_scope(target, **self.resolve(arguments)) as scope:
            self.scopes.append(scope)
            self.inside(self.show_scope(scope), body, strict)

    def do_name_scope(self, target, arguments, body, strict):
        if isinstance(target, list):
            current = self.module.get_default_graph().get_name_scope()
            scope = self.pick(self.scopes, target[1])
            target = current + "/" if target[0] == "current/" else getattr(scope, "original_name_scope", "a/")
        with self.module.name_scope(target, **self.resolve(arguments)) as scope:
            self.inside(scope, body, strict)

    def do_graph(self, index, body, strict):
        with self.graphs[index].as_default():
            self.inside(None, body, strict)

    def do_show(self, strict):
        scope = self.module.get_variable_scope()
        self.log.append((self.module.get_default_graph().get_name_scope(), self.show_scope(scope)))

    def chosen(self, index):
        current = self.module.get_variable_scope()
        return current if index is None else self.pick(self.scopes, index, current)

    def do_reuse_variables(self, index, strict):
        self.chosen(index).reuse_variables()

    def do_set(self, index, what, value, strict):
        value = getattr(self, "arg_" + what, lambda value: value)(value)
        getattr(self.chosen(index), "set_" + what)(value)

    def do_scope(self, reuse, name, arguments, strict):
        self.scopes.append(self.module.VariableScope(self.arg_reuse(reuse), name, **arguments))

    def do_collection(self, where, key, pattern, index, strict):
        m, template = self.module, self.pick(self.templates, index)
        if where == "graph":
            found = m.get_default_graph().get_collection(key, pattern)
        elif where == "scope":
            scope = self.chosen(index)
            found = scope.get_collection(key) + scope.trainable_variables() + scope.global_variables()
        elif where == "template" and template is not None:
            found = [*template.variables, *template.trainable_variables]
            self.log.append((template.name, template.variable_scope_name))
        else:
            found = m.trainable_variables(pattern) + m.global_variables(pattern) + m.get_collection(key, pattern)
        self.log.append(("collection", [self.show_value(item) for item in found]))

    def do_add_to_collection(self, key, index, strict):
        self.module.add_to_collection(key, self.pick(self.tensors, index, "word"))

    def do_unique_name(self, name, mark, strict):
        self.log.append(("unique", self.module.get_default_graph().unique_name(name, mark)))

    def do_template(self, name, arguments, body, strict):
        def function():
            self.calls += 1
            if self.calls < 20:  # a template may call itself
                scope = self.module.get_variable_scope()
                self.inside(self.show_scope(scope), body, strict=len(body) % 2 == 0)

        self.templates.append(self.module.make_template(name, function, **self.resolve(arguments)))

    def do_call(self, index, strict):
        template = self.pick(self.templates, index)
        if template is not None:
            template()

    def do_strict(self, body, strict):
        self.run(body, strict=True)

    def do_try(self, body, strict):
        try:
            self.run(body, strict)
        except Boom:
            self.log.append("caught")

    def do_raise(self, strict):
        raise Boom


# ------------------------------------------------------------------------------------------ by hand


def awkward() -> dict[str, str]:
    """Return the programs that were written by hand, by title: those of `rules_awkward.txt`."""
    text = (Path(__file__).parent / "rules_awkward.txt").read_text(encoding="utf-8")
    programs = [program for program in text.split("\n\n") if program.strip()]
    return {program.split("\n")[0].removeprefix("# "): program for program in programs}


def run_text(program: str, module: Any) -> list[Any]:
    """Return the log of a program written as text, in which `m` is the module; `show` and `attempt` write the log."""
    interpreter, log = _Interpreter(module), []

    def shown(value):
        if isinstance(value, (list, tuple)) and not hasattr(value, "rank"):
            return [shown(item) for item in value]
        return value.name if hasattr(value, "base_dtype") else interpreter.show_value(value)

    def show(*values):
        log.append(shown(values))

    def attempt(function):
        try:
            show("gave", function())
        except Exception as error:
            log.append(first_sentence(error))

    with module.Graph().as_default() as graph:
        try:
            exec(program, {"m": module, "show": show, "attempt": attempt})
        except Exception as error:
            log.append(("ended by", *first_sentence(error)))
        log.append([(op.name, op.type) for op in graph.get_operations()])
    return log
