"""Tables: `.csv` and `.tsv`.  NumPy reads them.  If it fails, a second pass over the cells finds the wrong one."""

import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeGuard

import numpy as np

from xnet.data.rows import Rows, labels, read_bytes, wrong
from xnet.errors import DataError, UnknownNameError
from xnet.names import near

MOST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Layout:
    """The layout found from the first two rows: header, columns, the target column and the feature columns."""

    delimiter: str
    header: bool
    skip: int
    columns: list[str]
    target: int | None
    features: list[int]


def read(path: Path, target: str | int | None, expected: int | None, names: Sequence[str] | None) -> Rows:
    """The features and the target.   With `expected`, only that many features, in the order of `names`."""
    try:
        text = read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        got = f"byte {error.object[error.start]:#04x} at {error.start}"
        raise wrong(path, "the text must be UTF-8", got, "save it as UTF-8") from None
    layout = _layout(path, text, target, expected, names)
    at = layout.target
    cells: dict[str, int] = {}
    converters: dict[int | str, Callable[[str], int]] = {}
    if at is not None:
        converters[at] = lambda cell: cells.setdefault(cell.strip(), len(cells))
    try:
        table = np.loadtxt(
            io.StringIO(text), delimiter=layout.delimiter, skiprows=layout.skip, comments=None, quotechar='"',
            ndmin=2, converters=converters,
        )  # fmt: skip
    except ValueError as error:
        raise _complaint(path, text, layout, expected is None) or wrong(
            path, "the table must be readable", str(error), "check its rows"
        ) from None
    X = table[:, layout.features]
    targets = {} if expected is not None else {cell: _number(cell) for cell in cells}
    words = bool(targets) and all(cell and number is None for cell, number in targets.items())
    sound = words or all(number is not None and abs(number) <= MOST for number in targets.values())
    if not sound or not np.all(np.abs(X) <= MOST):
        raise _complaint(path, text, layout, expected is None) or wrong(
            path, "the table must be readable", "cells that disagree", "check its rows"
        )
    features = tuple(layout.columns[i] for i in layout.features) if layout.header else None
    if at is None or expected is not None:
        return Rows(X, features=features)
    values = np.asarray(list(targets) if words else list(targets.values()))
    if not words and np.all((values == np.round(values)) & (values >= -(2**31)) & (values < 2**31)):
        values = values.astype(np.int32)
    y, classes = labels(path, values)
    return Rows(X, y[table[:, at].astype(np.int64)], classes, features)


def _layout(
    path: Path, text: str, target: str | int | None, expected: int | None, names: Sequence[str] | None
) -> Layout:
    line = text.lstrip("\r\n").partition("\n")[0]
    tabs = path.name.lower().removesuffix(".gz").endswith(".tsv")
    delimiter = "\t" if tabs else ";" if line.count(";") > line.count(",") else ","
    rows = _rows(path, text, delimiter)
    first, second = next(rows, None), next(rows, None)
    if first is None:
        raise wrong(path, "there must be a table", "an empty file", "check what wrote it")
    cells = first.cells
    header = _has_header(target, cells, second.cells if second else [], names or ())
    named = names if header and expected is not None else None
    if named is None and expected is not None and len(cells) not in (expected, expected + 1):
        rule = f"there must be {expected} features, or those and the target"
        raise wrong(path, rule, f"{len(cells)} columns", "give data like that the model was trained on")
    if expected is None and len(cells) < 2:
        fix = "separate the cells of a .csv by commas, those of a .tsv by tabs"
        raise wrong(path, "there must be features and a target", f"one column, {cells[0]!r}", fix)
    if header and second is None:
        raise wrong(path, "there must be examples", "a header alone", "check what wrote it")
    if len(cells) == expected:
        at = None
    elif named is not None and target is None:
        at = _extra(cells, named)
    else:
        at = _target(path, target, cells)
    features = [i for i in range(len(cells)) if i != at]
    if named is not None:
        features = _in_order(path, cells, features, named)
    columns = cells if header else [f"{i + 1} of {len(cells)}" for i in range(len(cells))]
    return Layout(delimiter, header, first.last_line if header else 0, columns, at, features)


def _has_header(target: str | int | None, cells: list[str], below: list[str], names: Sequence[str]) -> bool:
    """Whether the first row is a header.   Words above words are no header: they may be labels of an example."""
    words = [_number(cell) is None for cell in cells]
    if (_is_name(target) and target in cells) or all(words) or (names and not Counter(names) - Counter(cells)):
        return True
    return any(
        cell and word and _number(under) is not None for cell, word, under in zip(cells, words, below, strict=False)
    )


def _extra(cells: list[str], names: Sequence[str]) -> int | None:
    """The index of the one column that is not a feature; of two columns with one name, the last."""
    extra = list((Counter(cells) - Counter(names)).elements())
    return len(cells) - 1 - cells[::-1].index(extra[0]) if len(extra) == 1 else None


def _in_order(path: Path, cells: list[str], features: list[int], names: Sequence[str]) -> list[int]:
    """The indices of the columns in the order of `names`.   Columns with one name keep their order."""
    here, there = sorted(features, key=cells.__getitem__), sorted(range(len(names)), key=names.__getitem__)
    if [cells[i] for i in here] != [names[i] for i in there]:
        rule = "the columns must be those the model was trained on"
        raise wrong(path, rule, ", ".join(cells), f"name them {', '.join(names)}")
    places = dict(zip(there, here, strict=True))
    return [places[i] for i in range(len(names))]


def _is_name(target: str | int | None) -> TypeGuard[str]:
    return isinstance(target, str) and re.fullmatch(r"-?\d+", target) is None


def _target(path: Path, target: str | int | None, cells: list[str]) -> int:
    if _is_name(target):
        if cells.count(target) == 1:
            return cells.index(target)
        close = near(target, cells)
        hint = f"; did you mean {close!r}?" if close else "; or give its index, as in target=-1"
        rule = f"the target must name one column of {', '.join(cells)}"
        raise UnknownNameError(f"{path}: {rule}; got target={target!r}{hint}")
    at = -1 if target is None else int(target)
    if not -len(cells) <= at < len(cells):
        rule = f"the target's index must be from 0 to {len(cells) - 1}"
        raise wrong(path, rule, f"target={at}", "or -1 for the last column")
    return at % len(cells)


def _number(cell: str) -> float | None:
    """The number in the cell, or None if NumPy does not accept it as a number."""
    try:
        return float(cell) if cell.isascii() and "_" not in cell else None
    except ValueError:
        return None


@dataclass(frozen=True)
class Row:
    """A row that is not blank, with the numbers of its first and last line, from 1."""

    line: int
    last_line: int
    cells: list[str]


def _rows(path: Path, text: str, delimiter: str) -> Iterator[Row]:
    reader = csv.reader(io.StringIO(text), delimiter=delimiter)
    line = 1
    try:
        for cells in reader:
            if cells:
                yield Row(line, reader.line_num, [cell.strip() for cell in cells])
            line = reader.line_num + 1
    except csv.Error as error:
        raise wrong(f"{path}, line {line}", "a row must be readable", str(error), "close its quotes") from None


def _complaint(path: Path, text: str, layout: Layout, labelled: bool) -> DataError | None:
    """The error for the first wrong cell, or None."""
    words: bool | None = None
    for row in _rows(path, text, layout.delimiter):
        if row.line <= layout.skip:
            continue
        if len(row.cells) != len(layout.columns):
            got = f"{len(row.cells)} cells where the first row has {len(layout.columns)}"
            return wrong(f"{path}, line {row.line}", "rows must be of one length", got, "correct or delete the row")
        for i, (cell, name) in enumerate(zip(row.cells, layout.columns, strict=True)):
            is_target = i == layout.target
            if is_target and not labelled:
                continue
            where = f"{path}, line {row.line}, column {repr(name) if layout.header else name}"
            number = _number(cell)
            if not cell:
                return wrong(where, "no cell may be empty", "cell=''", "fill it, or delete the row")
            if number is not None and not abs(number) <= MOST:
                return wrong(where, "numbers must be finite in float32", f"cell={cell!r}", "correct or delete the row")
            if is_target:
                words = number is None if words is None else words
                if words != (number is None):
                    rule = f"targets must be all {'words' if words else 'numbers'}, as the first is"
                    return wrong(where, rule, f"cell={cell!r}", "write all of them one way")
            elif number is None:
                comma = "," in cell and _number(cell.replace(",", ".", 1)) is not None
                fix = "write decimals with a point" if comma else "correct or delete the row, or give words numbers"
                return wrong(where, "a feature must be a number", f"cell={cell!r}", fix)
    return None
