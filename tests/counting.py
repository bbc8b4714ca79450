"""Runs the references of this folder with every operation on numbers counted, and what they touch of memory.

``load`` reads a reference's source, replaces what it does with numbers by calls that count, and runs it. Its text stays
as it is, and so do its results. Counted are

- additions, which stand for subtractions, shifts, masks, comparisons and the like; multiplications; divisions but by
  powers of two; each with the width that its operands need, or of their floating-point type, each element of arrays;
- the bytes of attributes, of elements of attributes and of a module's tables that are read and written, a whole number
  taking 1, 2, 4 or 8 of them: each access; and, in ``touched``, what has to lie in memory from one step to a later one:
  a place that a step reads before it writes it, and what an earlier step has written there. All else are registers.
"""

from __future__ import annotations

import ast
import operator
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

HERE = Path(__file__).parent
_BINARY = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.FloorDiv: lambda a, b: a // b,
    ast.Mod: lambda a, b: a % b,
    ast.Div: lambda a, b: a / b,
    ast.Pow: lambda a, b: a**b,
    ast.LShift: lambda a, b: a << b,
    ast.RShift: lambda a, b: a >> b,
    ast.BitAnd: lambda a, b: a & b,
    ast.BitOr: lambda a, b: a | b,
    ast.BitXor: lambda a, b: a ^ b,
}
_KINDS = {
    "Mult": "multiplication",
    "Pow": "multiplication",
    "FloorDiv": "division",
    "Mod": "division",
    "Div": "division",
}
_COMPARISONS = {
    "Eq": operator.eq, "NotEq": operator.ne, "Lt": operator.lt, "LtE": operator.le,
    "Gt": operator.gt, "GtE": operator.ge,
}  # fmt: skip
_NAME = "counts_of_this_module"
_FUNCTIONS = {"minimum": 1, "maximum": 1, "clip": 2, "abs": 1, "trunc": 1, "floor": 1, "rint": 1}
_OWN = {"events", "counts"}
"""Under these names references note for their tests what happened."""
_ADDITION, _DIVISION = "addition", "division"


def numeric(x: Any) -> bool:
    return isinstance(x, int | float | np.ndarray | np.generic) and not isinstance(x, bool)


def width(*values: Any) -> str:
    """Return the narrowest of int8 to int64 that holds some numbers, or the widest floating-point type of them."""
    found = [np.asarray(v).dtype for v in values if not isinstance(v, int)]
    floats = [kind for kind in found if kind.kind == "f"]
    if floats:
        return max(floats, key=lambda kind: kind.itemsize).name
    bits = 0
    for v in values:
        most = int(np.abs(v).max(initial=0)) if isinstance(v, np.ndarray) else abs(int(v))
        bits = max(bits, most.bit_length())
    return next(f"int{size}" for size in (8, 16, 32, 64) if bits <= size or size == 64)


def size_of(x: Any) -> int:
    """Return the bytes that a number, or several, take in memory; 0 of what is none."""
    if isinstance(x, list | tuple | range):
        return sum(map(size_of, x))
    if not numeric(x):
        return int(isinstance(x, bool))
    return np.dtype(width(x)).itemsize * (x.size if isinstance(x, np.ndarray) else 1)


class Counts:
    """What was counted, by scope: the function of those that are told apart which was entered last."""

    def __init__(self, scopes: Collection[str] = (), step: str = "") -> None:
        self.scopes, self.step = scopes, step
        self.found: dict[str, Counter[str]] = {"": Counter()}
        self.entered: Counter[str] = Counter()
        self._stack = [""]
        self._held: set[tuple[int, Any]] = set()
        self._left: dict[tuple[int, Any], Any] = {}
        """Places that an earlier step has written, and what they are in, so that nothing else gets their number."""

    @property
    def here(self) -> Counter[str]:
        return self.found[self._stack[-1]]

    @contextmanager
    def enter(self, name: str) -> Iterator[None]:
        self.entered[name] += 1
        if name == self.step:
            self._held.clear()
        if name in self.scopes:
            self._stack.append(name)
            self.found.setdefault(name, Counter())
        yield
        if name in self.scopes:
            self._stack.pop()

    # -- what counted code calls ---------------------------------------------------------------------------------------

    def binary(self, op: str, a: Any, b: Any) -> Any:
        result = _BINARY[getattr(ast, op)](a, b)
        if numeric(a) and numeric(b):
            kind = _KINDS.get(op, _ADDITION)
            if op in ("FloorDiv", "Mod") and isinstance(b, int) and b > 0 and not b & (b - 1):
                kind = _ADDITION
            self.note(kind, result, a, *(() if "Shift" in op else (b,)))
        return result

    def note(self, kind: str, result: Any, *operands: Any, times: int = 1) -> None:
        size = result.size if isinstance(result, np.ndarray) else 1
        if size:
            self.here[f"{kind} {width(*operands)}"] += times * size

    def unary(self, a: Any) -> Any:
        if numeric(a):
            self.note(_ADDITION, a, a)
        return a

    def compare(self, names: Sequence[str], *operands: Any) -> Any:
        if all(map(numeric, operands)):
            self.note(_ADDITION, operands[0], *operands, times=len(names))
        found = [_COMPARISONS[name](a, b) for name, a, b in zip(names, operands, operands[1:], strict=False)]
        return found[0] if len(found) == 1 else all(found)

    def extreme(self, function: Callable[..., Any], *values: Any, **named: Any) -> Any:
        if len(values) == 1 and not numeric(values[0]):
            values = (list(values[0]),)
            some = values[0]
        else:
            some = list(values)
        result = function(*values, **named)
        if some and all(map(numeric, some)):
            self.note(_ADDITION, 0, *some, times=max(len(some) - 1, 1))
        return result

    def total(self, values: Any, start: Any = 0) -> Any:
        for value in values:
            start = self.binary("Add", start, value)
        return start

    def called(self, name: str, function: Callable[..., Any], *values: Any, **named: Any) -> Any:
        result = function(*values, **named)
        if name in _FUNCTIONS:
            self.note(_ADDITION, result, values[0], times=_FUNCTIONS[name])
        elif name == "sqrt":
            self.note(_DIVISION, result, values[0])
        return result

    def method(self, name: str, of: Any, *values: Any, **named: Any) -> Any:
        if (isinstance(of, np.ndarray) and name in ("sum", "max", "min")) or (
            isinstance(of, int) and name == "bit_length"
        ):
            self.note(_ADDITION, of, of)
        return getattr(of, name)(*values, **named)

    def attribute(self, of: Any, name: str) -> Any:
        value = getattr(of, name)
        self._touch("read", of, name, value)
        return value

    def element(self, of: Any, key: Any) -> Any:
        value = of[key]
        self._touch("read", of, key, value)
        return value

    def store(self, of: Any, key: Any, value: Any) -> None:
        self._touch("written", of, key, value)

    def _touch(self, what: str, of: Any, key: Any, value: Any) -> None:
        size = size_of(value)
        if not size:
            return
        self.here[what] += size
        place = id(of), repr(key) if isinstance(key, np.ndarray | slice | list | tuple) else key
        if place not in self._held and what == "read":
            self.here["touched"] += size * (2 if place in self._left else 1)
            self._left.pop(place, None)
        self._held.add(place)
        if what == "written":
            self._left[place] = of


class _Counting(ast.NodeTransformer):
    """Replaces what is done with numbers by calls of a :class:`Counts`."""

    def __init__(self, tables: set[str]) -> None:
        self._tables = tables

    @staticmethod
    def _call(name: str, *arguments: ast.expr, keywords: list[ast.keyword] | None = None) -> ast.Call:
        counter = ast.Attribute(ast.Name(_NAME, ast.Load()), name, ast.Load())
        return ast.Call(counter, list(arguments), keywords or [])

    @staticmethod
    def _is_own(node: ast.AST) -> bool:
        names = {getattr(part, "id", None) or getattr(part, "attr", None) for part in ast.walk(node)}
        return bool(names & _OWN)

    def _is_memory(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Attribute | ast.Call) or (isinstance(node, ast.Name) and node.id in self._tables)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.body = [self.visit(statement) for statement in node.body]
        node.body = [found for one in node.body for found in (one if isinstance(one, list) else [one])]
        enter = ast.withitem(self._call("enter", ast.Constant(node.name)))
        if not any(isinstance(part, ast.Yield) for statement in node.body for part in ast.walk(statement)):
            node.body = [ast.With([enter], node.body)]
        return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        return self._call("binary", ast.Constant(type(node.op).__name__), self.visit(node.left), self.visit(node.right))

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.op, ast.USub | ast.Invert) and not isinstance(node.operand, ast.Constant):
            node.operand = self._call("unary", node.operand)
        return node

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        if any(isinstance(op, ast.In | ast.NotIn | ast.Is | ast.IsNot) for op in node.ops) or self._is_own(node):
            return self.generic_visit(node)
        names = ast.Tuple([ast.Constant(type(op).__name__) for op in node.ops], ast.Load())
        return self._call("compare", names, *(self.visit(one) for one in (node.left, *node.comparators)))

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self_name = node.func.id if isinstance(node.func, ast.Name) else ""
        of = node.func.value if isinstance(node.func, ast.Attribute) else None
        arguments = [self.visit(one) for one in node.args]
        for one in node.keywords:
            one.value = self.visit(one.value)
        if self_name in ("min", "max", "abs"):
            return self._call("extreme", node.func, *arguments, keywords=node.keywords)
        if self_name == "sum":
            return self._call("total", *arguments)
        if isinstance(of, ast.Name) and of.id == "np":
            name = ast.Constant(node.func.attr)  # type: ignore[attr-defined]
            return self._call("called", name, node.func, *arguments, keywords=node.keywords)
        if of is not None and node.func.attr in ("sum", "max", "min", "bit_length"):  # type: ignore[attr-defined]
            name = ast.Constant(node.func.attr)  # type: ignore[attr-defined]
            return self._call("method", name, self.visit(of), *arguments, keywords=node.keywords)
        if of is not None:
            node.func.value = self._plain(of)  # type: ignore[attr-defined]
        node.args = arguments
        return node

    def _plain(self, node: ast.expr) -> ast.expr:
        """Visit what is only on the way to a value, without counting it as read itself."""
        if isinstance(node, ast.Attribute):
            node.value = self._plain(node.value)
            return node
        if isinstance(node, ast.Subscript):
            node.value, node.slice = self._plain(node.value), self.visit(node.slice)
            return node
        return self.visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        if not isinstance(node.ctx, ast.Load) or (isinstance(node.value, ast.Name) and node.value.id in ("np", "math")):
            return node
        return self._call("attribute", self._plain(node.value), ast.Constant(node.attr))

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        memory = self._is_memory(node.value) and not self._is_own(node.value)
        of, key = self._plain(node.value), self.visit(node.slice)
        if isinstance(node.ctx, ast.Load) and memory:
            return self._call("element", of, _as_value(key))
        node.value, node.slice = of, key
        return node

    def visit_Assign(self, node: ast.Assign) -> Any:
        if any(self._is_own(target) for target in node.targets):
            return node
        node.value = self.visit(node.value)
        after: list[ast.stmt] = []
        for target in node.targets:
            after += self._stores(target)
        node.targets = [self._target(target) for target in node.targets]
        return [node, *after]

    def _target(self, target: ast.expr) -> ast.expr:
        if isinstance(target, ast.Tuple | ast.List):
            target.elts = [self._target(one) for one in target.elts]
        elif isinstance(target, ast.Attribute | ast.Subscript):
            return self._plain(target)
        return target

    def _stores(self, target: ast.expr) -> list[ast.stmt]:
        if isinstance(target, ast.Tuple | ast.List):
            return [found for one in target.elts for found in self._stores(one)]
        if isinstance(target, ast.Attribute):
            of: ast.expr = target.value
            key: ast.expr = ast.Constant(target.attr)
        elif isinstance(target, ast.Subscript) and self._is_memory(target.value):
            of = target.value
            key = _as_value(target.slice)
        else:
            return []
        return [ast.Expr(self._call("store", _again(of), _again(key), _again(target)))]

    def visit_AugAssign(self, node: ast.AugAssign) -> Any:
        if self._is_own(node.target):
            return node
        value = self.visit(ast.BinOp(_again(node.target), node.op, node.value))
        return [ast.Assign([node.target], value), *self._stores(node.target)]

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        return node


def _again(node: ast.expr) -> ast.expr:
    """Return an expression that reads what another one says."""
    return ast.parse(ast.unparse(ast.fix_missing_locations(node)), mode="eval").body


def _as_value(key: ast.expr) -> ast.expr:
    """Return what stands between brackets as an expression."""
    if isinstance(key, ast.Tuple):
        return ast.Tuple([_as_value(one) for one in key.elts], ast.Load())
    if isinstance(key, ast.Slice):
        parts = [part or ast.Constant(None) for part in (key.lower, key.upper, key.step)]
        return ast.Call(ast.Name("slice", ast.Load()), parts, [])
    return key


def load(name: str, counts: Counts, *also: str) -> ModuleType:
    """Return a reference of this folder that counts, as a module of its own.

    Args:
        also: references that it imports and that are to count, too.
    """
    before = {one: sys.modules.get(one) for one in (*also, name)}
    try:
        for one in (*also, name):
            tree = ast.parse((HERE / f"{one}.py").read_text())
            tables = {target.id for statement in tree.body if isinstance(statement, ast.Assign)
                      for target in statement.targets if isinstance(target, ast.Name)}  # fmt: skip
            tree.body = [
                _Counting(tables).visit(part) if isinstance(part, ast.FunctionDef | ast.ClassDef) else part
                for part in tree.body
            ]
            module = ModuleType(one)
            module.__file__ = str(HERE / f"{one}.py")
            module.__dict__[_NAME] = counts
            sys.modules[one] = module
            exec(compile(ast.fix_missing_locations(tree), module.__file__, "exec"), module.__dict__)
    finally:
        for one, found in before.items():
            if found is not None:
                sys.modules[one] = found
            else:
                sys.modules.pop(one, None)
    return module
