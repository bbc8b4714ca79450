"""Mutants of a C file, found by its tokens alone: a change that does not compile is no mutant."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import NamedTuple

from .mutant import Mutant, Sites

TOKEN = re.compile(
    rb"(?P<skip>[ \t\r\n\f]+|/\*.*?\*/|//[^\n]*)"
    rb"|(?P<string>\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*')"
    rb"|(?P<number>\.?[0-9](?:[eEpP][+-]|[0-9A-Za-z_.])*)"
    rb"|(?P<name>[A-Za-z_]\w*)"
    rb"|(?P<operator><<=|>>=|\.\.\.|->|\+\+|--|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%&|^]=|.)",
    re.DOTALL,
)
DIRECTIVE = re.compile(rb"^[ \t]*#(?:[^\n\\]|\\.)*", re.MULTILINE | re.DOTALL)

_SWAPS = "< <=  > >=  == !=  && ||  + -  << >>  & |  * /  += -=  <<= >>=  &= |=  ++ --"
SWAPS = {a: b for pair in _SWAPS.split("  ") for a, b in (pair.split(), pair.split()[::-1])}
SWAPS |= {"%": "*", "^": "|", "^=": "|=", "*=": "+=", "/=": "*="}
EITHER = ["+", "-", "*", "&"]
"""Operators with one operand or two."""
TYPES = frozenset(
    re.findall(r"\w+", "char short int long float double void unsigned signed const static struct union enum")
)
KEYWORDS = frozenset(re.findall(r"\w+", "if for while switch return else do case goto sizeof break continue default"))
PER_TABLE = 2
"""Mutants of a table of constants: its thousand entries are as good as one."""


class Token(NamedTuple):
    kind: str
    text: str
    start: int
    end: int


def tokens(source: bytes) -> list[Token]:
    """Return the tokens of a C file without blanks, comments and preprocessor lines."""
    # Blanks in their place keep the offsets. A directive within a comment is blanked as well, and no harm done.
    source = DIRECTIVE.sub(lambda m: re.sub(rb"[^\n]", b" ", m[0]), source)
    found = ((m.lastgroup or "", m[0].decode("latin-1"), m.start(), m.end()) for m in TOKEN.finditer(source))
    return [Token(*token) for token in found if token[0] != "skip"]


def c_mutants(file: str, source: bytes) -> list[Mutant]:
    """Return the mutants of a C file: operators, constants, conditions, calls and other statements, minima."""
    finder = _Finder(Sites(file, source), tokens(source))
    finder.run()
    return finder.sites.mutants


class _Finder:
    def __init__(self, sites: Sites, code: list[Token]) -> None:
        self.sites = sites
        self.code = code
        self.partner = _partners(code)
        self.function = ""
        self.inside = False  # the body of a function
        self.statement = 0

    def add(self, first: int, last: int, text: str) -> None:
        """Replace the tokens first to last."""
        line = self.sites.source.count(b"\n", 0, self.code[self.statement].start) + 1
        start, end = self.code[first].start, self.code[last].end
        self.sites.add(start, end, text, self.function, line, not self.inside)

    def run(self) -> None:
        at = 0
        while at < len(self.code):
            self.statement, self.inside = at, False
            end, body = self._declaration(at)
            names = [token.text for token in self.code[at:end] if token.kind == "name"]
            self.function = next((n for n in names if n not in TYPES and not n.endswith(("_t", "_API"))), "")
            if body is None:
                self._walk(at, end)
            elif self.code[body - 1].text == ")":  # a function
                name = self.partner[body - 1] - 1
                if self.code[name].text == ")":  # made by a macro: static void NAME(learn)(model *m) {
                    name -= 1
                self.function, self.inside = self.code[name].text, True
                self._walk(body, end)
            elif self.code[body - 1].text in ("=", "]"):
                names = [
                    a.text for a, b in pairwise(self.code[at : body + 1]) if a.kind == "name" and b.text in ("[", "=")
                ]
                self.function = names[0] if names else self.function
                self._table(at, body, end)
            else:
                self._walk(body, end)
            at = end + 1

    def _declaration(self, at: int) -> tuple[int, int | None]:
        """Return where a declaration at file level ends, and where its braces open."""
        body = None
        while at < len(self.code) - 1 and self.code[at].text != ";":
            if self.code[at].text in ("(", "[", "{"):
                opened, at = at, self.partner.get(at, len(self.code) - 1)
                if self.code[opened].text == "{":
                    body = opened if body is None else body
                    if self.code[opened - 1].text == ")" or self.code[opened - 2].text == "extern":
                        break
            at += 1
        return min(at, len(self.code) - 1), body

    def _table(self, start: int, body: int, end: int) -> None:
        """A few entries of an initializer, picked so that neighbours are not taken together."""
        numbers = [i for i in range(body, end) if self.code[i].kind == "number"]
        self._walk(start, body)
        for i in numbers[:: max(1, -(-len(numbers) // PER_TABLE))][:PER_TABLE]:
            self.statement = i
            self.add(i, i, f"({self.code[i].text} + 1)")

    def _walk(self, start: int, end: int) -> None:
        fresh = True  # a statement begins
        for i in range(start, end):
            token = self.code[i]
            if fresh:
                self.statement = i
                self._statement(i, end)
            if token.kind == "number":
                for sign in "+-":
                    self.add(i, i, f"({token.text} {sign} 1)")
            elif token.kind == "name":
                self._name(i)
            elif token.kind == "operator":
                self._operator(i)
            closes_condition = token.text == ")" and self.code[self.partner[i] - 1].text in ("if", "for", "while")
            fresh = token.text in ("{", "}", ";", "else", "do") or closes_condition

    def _statement(self, i: int, end: int) -> None:
        """Remove a call, an assignment, a jump."""
        if self.code[i].kind != "name" or not self.inside:
            return
        stop = i
        while stop < end and self.code[stop].text != ";":
            stop = self.partner.get(stop, stop) + 1 if self.code[stop].text in ("(", "[", "{") else stop + 1
        following = self.code[i + 1].text
        call = self.code[i].text not in KEYWORDS and following == "("
        changes = following in ("[", "->", ".", "=", "++", "--") or (following.endswith("=") and following in SWAPS)
        if self.code[i].text in ("break", "continue") or (self.code[i].text not in KEYWORDS and (call or changes)):
            self.add(i, stop, ";")

    def _name(self, i: int) -> None:
        name = self.code[i].text
        if i + 1 == len(self.code) or self.code[i + 1].text != "(":
            return
        if name in ("if", "while"):
            close = self.partner[i + 1]
            condition = self.sites.source[self.code[i + 1].start : self.code[close].end].decode()
            self.add(i + 1, close, f"(!{condition})")
            if name == "if" and self.code[close + 1].text == "return":
                self.add(i + 1, close, f"(0 && {condition})")
        for a, b in (("min", "max"), ("max", "min")):
            if re.search(rf"(^|_){a}$", name, re.I):
                self.add(i, i, re.sub(f"{a}$", b.upper() if name.isupper() else b, name, flags=re.I))

    def _operator(self, i: int) -> None:
        text, previous = self.code[i].text, self.code[i - 1]
        if text == "!" and self.code[i + 1].text != "=":
            self.add(i, i, "")
        if text not in SWAPS:
            return
        operand = previous.text in (")", "]") or previous.kind == "number" or (
            previous.kind == "name" and previous.text not in TYPES | KEYWORDS and not previous.text.endswith("_t")
        )  # fmt: skip
        if previous.text == ")":  # of a cast?
            inner = self.code[self.partner[i - 1] + 1 : i - 1]
            operand = not all(t.text in TYPES or t.text.endswith("_t") or t.text == "*" for t in inner)
        if text in EITHER and not operand:
            if text == "-" and self.code[i + 1].kind != "number":
                self.add(i, i, "")
            return
        self.add(i, i, SWAPS[text])


def _partners(code: list[Token]) -> dict[int, int]:
    """Return for each bracket the index of the other."""
    partner: dict[int, int] = {}
    open_ones: list[int] = []
    for i, token in enumerate(code):
        if token.text in ("(", "[", "{"):
            open_ones.append(i)
        elif token.text in (")", "]", "}") and open_ones:
            partner[i] = open_ones.pop()
            partner[partner[i]] = i
    return partner
