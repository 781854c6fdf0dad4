"""The README's course map: each row leads to something that is there, and no row of this list is missing."""

import ast
import re
from pathlib import Path
from pkgutil import resolve_name

import pytest

ROOT = Path(__file__).parent.parent
MAP = re.findall(r"(?m)^\| (C\d+) \| .+ \| (.+) \|$", (ROOT / "README.md").read_text(encoding="utf-8"))
RUNS = {f"C{n}" for n in range(1, 33)} - {"C13", "C14", "C17", "C28"}  # which are to come


def leads_nowhere(where: str) -> list[str]:
    """What a row names that is not there: a name of xnet, a test, a file."""
    named = re.findall(r"`([^`]+)`", where) + re.findall(r"\]\(([^)]+)\)", where)
    return [name for name in named if not exists(name)] if named else ["nothing at all"]


def exists(name: str) -> bool:
    if name.startswith("xnet."):
        try:
            return resolve_name(name) is not None
        except (AttributeError, ImportError):
            return False
    path, _, test = name.partition("::")
    if not (ROOT / path).is_file():
        return False
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8")) if test else ast.Module([], [])
    return not test or test in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_every_row_is_there_once() -> None:
    assert sorted(row for row, _ in MAP) == sorted(RUNS)


@pytest.mark.parametrize(("row", "where"), MAP)
def test_a_row_leads_somewhere(row: str, where: str) -> None:
    assert leads_nowhere(where) == []


@pytest.mark.parametrize(
    "where", ["to come", "`xnet.kernels.nothing`", "`tests/test_course.py::test_nothing`", "[a](docs/nothing.png)"]
)
def test_the_map_can_fail(where: str) -> None:
    assert leads_nowhere(where)


NAMED = [(row, name) for row, where in MAP for name in re.findall(r"`(xnet\.(?:kernels|loops)\.\w+)`", where)]


@pytest.mark.parametrize(("row", "name"), NAMED)
def test_the_docstring_of_a_function_names_its_row(row: str, name: str) -> None:
    assert re.search(rf"\b{row}\b", resolve_name(name).__doc__)
