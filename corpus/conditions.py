"""Conditions on the ledger, as a config writes them: `language = 'en' and perplexity < 300`.

Comparisons of a column with a number or a text, `in (…)`, `is null`, joined by `and`, `or`, `not`
and parentheses, with SQL's three-valued logic: what compares a missing value holds of no document,
and neither does its `not`. Nothing is evaluated but this.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from corpus.config import suggest
from corpus.errors import ConfigError

Test = Callable[[pa.Table], pa.ChunkedArray]  # [D] of true, false, or null for unknown

_COMPARISONS = {
    "=": pc.equal,
    "!=": pc.not_equal,
    "<": pc.less,
    "<=": pc.less_equal,
    ">": pc.greater,
    ">=": pc.greater_equal,
}
_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')"
    r"|(?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?![\w.]))"
    r"|(?P<word>[A-Za-z_]\w*)"
    r"|(?P<sign><=|>=|!=|[=<>(),]))"
)
_DEPTH = 100  # of nested 'not' and parentheses
_COLUMN = "a ledger column"
_SHOWN = 200  # characters of a condition in a message
_WORDS = frozenset(("and", "or", "not", "in", "is", "null"))


@dataclass(frozen=True)
class _Token:
    kind: str  # text, number, word (of the language), column, unknown (word), sign, or end
    value: Any
    at: int  # from 1


@dataclass(frozen=True)
class Condition:
    """A condition that was read: its columns, and which rows of a table it holds of."""

    text: str
    columns: frozenset[str]
    _test: Test = field(repr=False, compare=False)

    def holds(self, table: pa.Table) -> np.ndarray:
        """[D] bool of a table of D rows that has the condition's columns."""
        return np.asarray(pc.fill_null(self._test(table), False).to_numpy(), dtype=bool)


def read_condition(text: str, types: Mapping[str, pa.DataType]) -> Condition:
    """Reads a condition on columns of these types, each a string or a number.

    ConfigError names the place of what cannot be read, by its character from 1.
    """
    reader = _Reader(text, types)
    test = reader.disjunction()
    reader.expect("end", None, "'and', 'or' or nothing more")
    return Condition(text, frozenset(reader.columns), test)


class _Reader:
    """Recursive descent, a method a level of binding: or, and, not, comparison."""

    def __init__(self, text: str, types: Mapping[str, pa.DataType]) -> None:
        self.text, self.types = text, types
        self.columns: set[str] = set()
        self.tokens = list(self._tokens())
        self.place = self.depth = 0

    def disjunction(self) -> Test:
        return self._joined("or", self.conjunction, pc.or_kleene)

    def conjunction(self) -> Test:
        return self._joined("and", self.negation, pc.and_kleene)

    def negation(self) -> Test:
        self.depth += 1
        if self.depth > _DEPTH:
            said = f"more than {_DEPTH} 'not' and parentheses are nested"
            raise self._error(self.tokens[self.place].at, said)
        test = self._negation()
        self.depth -= 1
        return test

    def _negation(self) -> Test:
        if self.took("word", "not"):
            test = self.negation()
            return lambda table: pc.invert(test(table))
        if self.took("sign", "("):
            test = self.disjunction()
            self.expect("sign", ")", "')'")
            return test
        return self.comparison()

    def comparison(self) -> Test:
        name = self.expect("column", None, _COLUMN)
        self.columns.add(name)
        if self.took("word", "is"):
            negated = self.took("word", "not")
            self.expect("word", "null", "'null'" if negated else "'null' or 'not null'")
            test = pc.is_valid if negated else pc.is_null
            return lambda table: test(table.column(name))
        if self.took("word", "not"):
            self.expect("word", "in", "'in'")
            among = self._among(name)
            return lambda table: pc.invert(among(table))
        if self.took("word", "in"):
            return self._among(name)
        token = self.tokens[self.place]
        sign = token.value if token.kind == "sign" else None
        if sign not in _COMPARISONS:
            raise self._wrong(token, "=, !=, <, <=, >, >=, 'in' or 'is'")
        if sign not in ("=", "!=") and pa.types.is_string(self.types[name]):
            raise self._error(token.at, f"'{name}' is text; ask by =, != or in")
        self.place += 1
        return _comparing(_COMPARISONS[sign], name, self._value(name))

    def _among(self, name: str) -> Test:
        self.expect("sign", "(", "'('")
        values = [self._value(name)]
        while self.took("sign", ","):
            values.append(self._value(name))
        self.expect("sign", ")", "',' or ')'")
        if pa.types.is_string(self.types[name]):
            return _among_texts(name, values)
        tests = [_comparing(pc.equal, name, value) for value in values]
        return lambda table: reduce(pc.or_kleene, (test(table) for test in tests))

    def _value(self, name: str) -> pa.Scalar:
        token, kind = self.tokens[self.place], self.types[name]
        is_text = pa.types.is_string(kind)
        if token.kind not in ("text", "number"):
            raise self._wrong(token, "a text in single quotes" if is_text else "a number")
        if is_text != (token.kind == "text"):
            need = "text: put the value in single quotes" if is_text else "a number"
            raise self._error(token.at, f"'{name}' is {need}")
        self.place += 1
        return pa.scalar(token.value) if is_text else self._number(name, token)

    def _number(self, name: str, token: _Token) -> pa.Scalar:
        kind, value = self.types[name], token.value
        if pa.types.is_floating(kind):
            if float(value) != value:
                raise self._error(token.at, f"'{name}' is a double, and no double is {value}")
            return pa.scalar(float(value))
        if pa.types.is_unsigned_integer(kind):
            if isinstance(value, float) or not 0 <= value < 1 << 64:
                raise self._error(token.at, f"'{name}' is a whole number from 0 below 2**64")
            return pa.scalar(value, kind)
        if not -(1 << 63) <= value < 1 << 63:
            raise self._error(token.at, f"'{name}' is a number from -2**63 below 2**63")
        return pa.scalar(value)

    def _joined(self, word: str, part: Callable[[], Test], join: Callable) -> Test:
        tests = [part()]
        while self.took("word", word):
            tests.append(part())
        if len(tests) == 1:
            return tests[0]
        return lambda table: reduce(join, (test(table) for test in tests))

    def took(self, kind: str, value: Any) -> bool:
        token = self.tokens[self.place]
        found = (token.kind, token.value) == (kind, value)
        self.place += found
        return found

    def expect(self, kind: str, value: Any, wanted: str) -> Any:
        token = self.tokens[self.place]
        if token.kind != kind or (value is not None and token.value != value):
            raise self._wrong(token, wanted)
        self.place += 1
        return token.value

    def _tokens(self):
        place, end = 0, len(self.text.rstrip())
        while place < end:
            found = _TOKEN.match(self.text, place)
            if found is None:
                at = place + len(self.text[place:]) - len(self.text[place:].lstrip())
                why = "the text has no end" if self.text[at] == "'" else "cannot be read"
                raise self._error(at + 1, f"{self.text[at : at + 20]!r}: {why}")
            kind, at = str(found.lastgroup), found.start(str(found.lastgroup)) + 1
            yield self._token(kind, found[kind], at)
            place = found.end()
        yield _Token("end", None, end + 1)

    def _token(self, kind: str, written: str, at: int) -> _Token:
        if kind == "text":
            return _Token(kind, written[1:-1].replace("''", "'"), at)
        if kind == "number":
            whole = written.lstrip("+-").isdigit()
            if whole and (len(written) > _SHOWN or abs(int(written)) >= 1 << 64):
                said = f"{written[:_SHOWN]} is beyond every column's numbers"
                raise self._error(at, said)
            return _Token(kind, int(written) if whole else float(written), at)
        if kind == "word" and written.lower() in _WORDS:
            return _Token(kind, written.lower(), at)
        if kind == "word":
            return _Token("column" if written in self.types else "unknown", written, at)
        return _Token(kind, written, at)

    def _wrong(self, token: _Token, wanted: str) -> ConfigError:
        if token.kind == "unknown" and wanted == _COLUMN:
            said = f"'{token.value}' is no ledger column{suggest(token.value, self.types)}"
            return self._error(token.at, said)
        found = "the end" if token.kind == "end" else repr(token.value)
        return self._error(token.at, f"{found} where {wanted} should be")

    def _error(self, at: int, said: str) -> ConfigError:
        first = max(0, at - _SHOWN // 2) if len(self.text) > _SHOWN else 0
        shown = self.text[first : first + _SHOWN].replace("\n", " ")
        more = "…" if len(self.text) > first + _SHOWN else ""
        return ConfigError(f'character {at} of "{"…" if first else ""}{shown}{more}": {said}')


def _comparing(compare: Callable, name: str, value: pa.Scalar) -> Test:
    return lambda table: compare(table.column(name), value)


def _among_texts(name: str, values: Sequence[pa.Scalar]) -> Test:
    """Whether a text is one of many, by a table of them; unknown of a missing one, as `=` is."""
    known = pa.array(dict.fromkeys(value.as_py() for value in values), pa.string())

    def test(table: pa.Table) -> pa.ChunkedArray:
        column = table.column(name)
        found = pc.is_in(column, value_set=known)
        return pc.if_else(pc.is_valid(column), found, pa.scalar(None, pa.bool_()))

    return test
