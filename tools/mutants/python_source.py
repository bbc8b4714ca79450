"""Mutants of a Python file."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from contextlib import contextmanager

from .mutant import Mutant, Sites

OPERATORS: dict[type[ast.AST], tuple[str, str]] = {
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.In: ("in", "not in"),
    ast.NotIn: (r"not\s+in", "in"),
    ast.Is: ("is", "is not"),
    ast.IsNot: (r"is\s+not", "is"),
    ast.Add: (r"\+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: (r"\*", "//"),
    ast.Div: ("/", "*"),
    ast.FloorDiv: ("//", "*"),
    ast.Mod: ("%", "*"),
    ast.Pow: (r"\*\*", "*"),
    ast.LShift: ("<<", ">>"),
    ast.RShift: (">>", "<<"),
    ast.BitAnd: ("&", "|"),
    ast.BitOr: (r"\|", "&"),
    ast.BitXor: (r"\^", "|"),
    ast.And: ("and", "or"),
    ast.Or: ("or", "and"),
}
"""Operator: the pattern that finds it, and what it becomes."""

_PAIRS = [("min", "max"), ("minimum", "maximum"), ("argmin", "argmax"), ("any", "all"), ("floor", "ceil")]
NAMES = {a: b for pair in _PAIRS for a, b in (pair, pair[::-1])}
"""Functions and methods that are called in another's place."""

DECIDED = (ast.Eq, ast.NotEq, ast.In, ast.NotIn, ast.Is, ast.IsNot)
"""Comparisons whose own mutant is their negation."""


def python_mutants(file: str, source: bytes) -> list[Mutant]:
    """Return the mutants of a Python file: operators, constants, conditions, statements, slices, names.

    Annotations, decorators, strings and what a raised error says stay as they are.
    """
    finder = _Finder(Sites(file, source))
    finder.visit(ast.parse(source))
    return finder.sites.mutants


class _Finder(ast.NodeVisitor):
    def __init__(self, sites: Sites) -> None:
        self.sites = sites
        self._starts = [0, *(match.end() for match in re.finditer(b"\n", sites.source))]
        self._scopes: list[str] = []
        self._functions = 0  # how many functions we are in the bodies of
        self._statement = 1

    def _span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        assert node.end_lineno is not None and node.end_col_offset is not None
        return (
            self._starts[node.lineno - 1] + node.col_offset,
            self._starts[node.end_lineno - 1] + node.end_col_offset,
        )

    def _text(self, node: ast.expr) -> str:
        start, end = self._span(node)
        return self.sites.source[start:end].decode()

    def _add(self, start: int, end: int, text: str) -> None:
        self.sites.add(start, end, text, ".".join(self._scopes), self._statement, not self._functions)

    def _replace(self, node: ast.expr | ast.stmt, text: str) -> None:
        self._add(*self._span(node), text)

    def _operator(self, kind: ast.AST, start: int, end: int) -> None:
        """Exchange the operator that stands between two operands."""
        pattern, other = OPERATORS.get(type(kind), ("", ""))
        if pattern and (match := re.search(pattern.encode(), self.sites.source[start:end])):
            self._add(start + match.start(), start + match.end(), other)

    def _negate(self, test: ast.expr) -> None:
        decided = isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], DECIDED)
        if not decided and not (isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not)):
            self._replace(test, f"(not ({self._text(test)}))")

    @contextmanager
    def _scope(self, name: str) -> Iterator[None]:
        self._scopes.append(name)
        yield
        self._scopes.pop()

    def visit(self, node: ast.AST) -> None:
        if isinstance(node, ast.stmt):
            self._statement = node.lineno
        super().visit(node)

    def _visit_function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        with self._scope(node.name):
            for default in (*node.args.defaults, *filter(None, node.args.kw_defaults)):
                self.visit(default)
            self._functions += 1
            for statement in node.body:
                self.visit(statement)
            self._functions -= 1

    visit_FunctionDef = visit_AsyncFunctionDef = _visit_function

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        with self._scope(node.name):
            for statement in node.body:
                self.visit(statement)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value:
            self.visit(node.value)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        """What is in an f-string stays: Python 3.11 does not tell where it is."""

    def visit_Assert(self, node: ast.Assert) -> None:
        """An assertion that holds is not seen by tests."""

    def visit_Raise(self, node: ast.Raise) -> None:
        self._replace(node, "pass")

    def visit_Break(self, node: ast.Break) -> None:
        self._replace(node, "pass")

    def visit_Continue(self, node: ast.Continue) -> None:
        self._replace(node, "pass")

    def visit_Delete(self, node: ast.Delete) -> None:
        self._replace(node, "pass")

    def visit_Expr(self, node: ast.Expr) -> None:
        if isinstance(node.value, ast.Call):
            self._replace(node, "pass")
        self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self._replace(node, "pass")
        self._operator(node.op, self._span(node.target)[1], self._span(node.value)[0])
        self.generic_visit(node)

    def visit_Return(self, node: ast.Return) -> None:
        if isinstance(node.value, ast.Tuple) and len(node.value.elts) > 1:
            (start, middle), (second, end) = map(self._span, node.value.elts[:2])
            source = self.sites.source
            self._add(start, end, (source[second:end] + source[middle:second] + source[start:middle]).decode())
        self.generic_visit(node)

    def visit_If(self, node: ast.If) -> None:
        if not re.search(r"TYPE_CHECKING|__name__", self._text(node.test)):
            self._negate(node.test)
            self.generic_visit(node)

    def visit_While(self, node: ast.While) -> None:
        if not isinstance(node.test, ast.Constant):
            self._negate(node.test)
        self.generic_visit(node)

    def visit_IfExp(self, node: ast.IfExp) -> None:
        self._negate(node.test)
        self.generic_visit(node)

    def visit_comprehension(self, node: ast.comprehension) -> None:
        for test in node.ifs:
            self._negate(test)
        self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> None:
        operands = [node.left, *node.comparators]
        for kind, left, right in zip(node.ops, operands, operands[1:], strict=False):
            self._operator(kind, self._span(left)[1], self._span(right)[0])
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        for left, right in zip(node.values, node.values[1:], strict=False):
            self._operator(node.op, self._span(left)[1], self._span(right)[0])
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        self._operator(node.op, self._span(node.left)[1], self._span(node.right)[0])
        self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        start = self._span(node)[0]
        if isinstance(node.op, ast.Not):
            self._add(start, start + 3, "")
        elif isinstance(node.op, ast.USub) and not isinstance(node.operand, ast.Constant):
            self._add(start, start + 1, "")
        self.generic_visit(node)

    def visit_Slice(self, node: ast.Slice) -> None:
        start, end = self._span(node)
        if node.lower and not isinstance(node.lower, ast.Constant):
            self._replace(node.lower, f"({self._text(node.lower)}) + 1")
        elif node.upper and not node.lower:
            self._add(start, start, "1")
        if node.upper and not isinstance(node.upper, ast.Constant):
            self._replace(node.upper, f"({self._text(node.upper)}) - 1")
        elif node.lower and not node.upper and not node.step:
            self._add(end, end, "-1")
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        if name in NAMES:
            end = self._span(node.func)[1]
            self._add(end - len(name), end, NAMES[name])
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        value = node.value
        if isinstance(value, bool):
            self._replace(node, str(not value))
        elif isinstance(value, int):
            for other in (value + 1, value - 1):
                self._replace(node, str(other) if other >= 0 else f"({other})")
        elif isinstance(value, float):
            self._replace(node, repr(value + 1))
