"""The plan of docs/architecture.md, held by reading the source.

A check takes the files as {path inside the package: text} and returns what it objects to, one line each.
"""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import xnet

Files = dict[str, str]

PACKAGE = Path(xnet.__file__).parent
TESTS = Path(__file__).parent
PLAN = TESTS.parent / "docs" / "architecture.md"
SOURCES = {path.relative_to(PACKAGE).as_posix(): path.read_text("utf-8") for path in PACKAGE.rglob("*.py")}

# The layer of every file, from the table of the page.  The row of a folder covers all files in it.
LAYERS = {
    file: int(layer)
    for layer, file in re.findall(r"(?m)^\| (\d) \| `([^`]+)` \|.*\| exists \|$", PLAN.read_text("utf-8"))
}

LIBRARIES = {"numpy", "cupy", "cupyx", "torch", "jax", "dask", "array_api_strict"}
IMPORT_NUMPY = {
    "loops/": "the loops run on the host, with NumPy's arrays as their memory",
    "data/": "data sets begin as host arrays",
    "files/": "files are read and written on the host",
    "train/model.py": "what is saved is on the host",
    "compile/c/": "its programs are for NumPy's arrays",
    "compile/numpy/": "it writes programs for NumPy",
    "bench/": "its inputs are made and its loops run on the host",
}
SAY_A_NAME = {
    ("files/tensors.py", "numpy"): "so the format of the files calls arrays on the host",
    ("compile/target.py", "numpy"): "the table of targets",
    ("compile/numpy/target.py", "numpy"): "its own name in the table of targets",
}
HEAVY = LIBRARIES - {"numpy"} | {"matplotlib", "sklearn", "scipy", "pandas", "PIL", "mpi4py", "optax", "onnx"}


def modules(tree: ast.AST) -> Iterator[str]:
    """The dotted name of all that is imported, at the top or inside a function; `from a import b` is a.b."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def row(path: str) -> str:
    """The row of the table that a file belongs to: itself, or its folder."""
    folder, slash, _ = path.partition("/")
    return folder + slash


def row_of_module(module: str) -> str:
    """`xnet.trees.map` → `trees.py`; what is not a file of its own comes from `__init__.py`."""
    name = module.split(".")[1] if "." in module else ""
    return next((r for r in (f"{name}.py", f"{name}/") if r in LAYERS), "__init__.py")


def functions(source: str) -> list[ast.FunctionDef]:
    return [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]


def every_file_has_a_layer(files: Files) -> list[str]:
    return [f"{path} has no row in docs/architecture.md" for path in files if row(path) not in LAYERS]


def imports_go_down(files: Files) -> list[str]:
    found = []
    for path, source in files.items():
        mine = row(path)
        for module in modules(ast.parse(source)):
            theirs = row_of_module(module)
            if module.split(".")[0] == "xnet" and theirs != mine and LAYERS[theirs] >= LAYERS.get(mine, 0):
                found.append(f"{path} imports {module} from layer {LAYERS[theirs]}, which is not below it")
    return found


def no_imports_in_a_circle(files: Files) -> list[str]:
    """Also not through several files, nor inside a function.  It names the first circle."""
    uses = {path: {file_of(module, files) for module in modules(ast.parse(files[path]))} for path in files}
    try:
        TopologicalSorter(uses).prepare()
    except CycleError as error:
        return [f"imports in a circle: {' → '.join(error.args[1])}"]
    return []


def file_of(module: str, files: Files) -> str:
    """`xnet.graph.ir.Node` → `graph/ir.py`; and a folder's `__init__.py` for what no file is named after."""
    parts = module.split(".")[1:]
    paths = ("/".join(parts[:n]) for n in range(len(parts), -1, -1))
    candidates = (file for path in paths for file in (f"{path}.py", f"{path}/__init__.py".lstrip("/")))
    return next((file for file in candidates if module.startswith("xnet") and file in files), "")


def imports_are_absolute(files: Files) -> list[str]:
    return [
        f"{path}:{node.lineno} imports relatively, which the other checks cannot follow"
        for path, source in files.items()
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ImportFrom) and node.level
    ]


def only_backends_name_a_library(files: Files) -> list[str]:
    """Law 1, for imports, for names given as text (`"torch"`), and for questions (`is_torch_array`)."""
    asks = re.compile(rf"is_({'|'.join(LIBRARIES)})_(array|namespace)")
    found = []
    for path, source in files.items():
        if path.startswith("backends/"):
            continue
        tree = ast.parse(source)
        imported = {part for module in modules(tree) for part in module.split(".")}
        texts = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
        named = {text.split(":")[0] for text in texts if isinstance(text, str)}
        imported -= {"numpy"} if path.startswith(tuple(IMPORT_NUMPY)) else set()
        named -= {name for file, name in SAY_A_NAME if file == path}
        found += [f"{path} names {library}" for library in sorted((imported | named) & LIBRARIES)]
        found += [f"{path} asks {match[0]}" for match in asks.finditer(source)]
    return found


def kernels_are_pure(files: Files) -> list[str]:
    """Law 3, as far as it can be read."""
    return [
        f"{path}:{node.lineno} {problem}"
        for path, source in files.items()
        if path.startswith("kernels/")
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.stmt | ast.expr)
        for problem in impurities(node)
    ]


def impurities(node: ast.stmt | ast.expr) -> Iterator[str]:
    match node:
        case ast.AugAssign():
            yield "writes in place; write `x = x + …`"
        case ast.Assign(targets=targets) if any(isinstance(target, ast.Subscript) for target in targets):
            yield "writes into an array"
        case ast.Assign(targets=[ast.Tuple(elts=[*_, last])], value=ast.Attribute(attr="shape")) if not (
            isinstance(last, ast.Name) and last.id.startswith("_")
        ):
            yield "reads m off a shape; use a mean"
        case ast.Subscript(
            value=ast.Attribute(attr="shape"),
            slice=ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=1)),
        ):
            yield "reads m off a shape; use a mean"
        case ast.Call(func=ast.Name(id="float" | "bool" | "int" | "print" as name)):
            yield f"calls {name}()"
        case ast.Call(func=ast.Attribute(attr="item" | "tolist" as name)):
            yield f"calls .{name}()"
        case ast.Call(keywords=keywords) if any(keyword.arg == "out" for keyword in keywords):
            yield "writes in place through `out=`"
        case ast.Raise() | ast.Assert():
            yield "validates; a boundary above does that"
        case ast.Global() | ast.Nonlocal():
            yield "has hidden state"
        case _:
            pass


NO_KERNELS = {"kernels/__init__.py", "kernels/primitive.py"}


def each_kernel_has_its_backward(files: Files) -> list[str]:
    """Law 4: `f` sits directly above `f_backward(dY, cache)`; helpers begin with `_`."""
    found = []
    for path, source in files.items():
        if not path.startswith("kernels/") or path in NO_KERNELS:
            continue
        names = [node.name for node in functions(source)]
        arguments = {node.name: [arg.arg for arg in node.args.args] for node in functions(source)}
        for above, name in zip(["", *names], [*names, ""], strict=True):
            if name.endswith("_backward"):
                if above != name.removesuffix("_backward"):
                    found.append(f"{path}: {name} does not sit directly below its forward")
                if len(arguments[name]) != 2 or arguments[name][1] != "cache":
                    found.append(f"{path}: {name} takes its dY and the cache; got {arguments[name]}")
            forward = above and not above.startswith("_") and not above.endswith("_backward")
            if forward and name != f"{above}_backward":
                found.append(f"{path}: {above} has no {above}_backward directly below it")
    return found


def kernels_are_exported(files: Files) -> list[str]:
    public = ast.parse(files.get("kernels/__init__.py", ""))
    imported = {name.rpartition(".")[2] for name in modules(public)}
    texts = (node.value for node in ast.walk(public) if isinstance(node, ast.Constant))
    listed = {text for text in texts if isinstance(text, str)}
    return [
        f"{path}: {node.name} is not exported by xnet.kernels"
        for path, source in files.items()
        if path.startswith("kernels/") and path not in NO_KERNELS
        for node in functions(source)
        if not node.name.startswith("_") and node.name not in imported & listed
    ]


def kernels_state_their_equation(files: Files) -> list[str]:
    return [
        f"{path}: {node.name} has no docstring"
        for path, source in files.items()
        if path.startswith("kernels/")
        for node in functions(source)
        if not node.name.startswith("_") and not ast.get_docstring(node)
    ]


def heavy_imports_wait(files: Files) -> list[str]:
    """Law 8: a heavy library is imported in the function that uses it."""
    found = []
    for path, source in files.items():
        tree = ast.parse(source)
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or (
                isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
            ):
                node.body = []
        names = {module.split(".")[0] for module in modules(tree)}
        found += [f"{path} imports {name} at its top" for name in sorted(names & HEAVY)]
    return found


def files_are_named_by_meaning(files: Files) -> list[str]:
    vague = {"utils.py", "base.py", "common.py", "helpers.py", "misc.py"}
    return [f"{path}: a file is named by what it holds" for path in files if path.split("/")[-1] in vague]


def every_error_is_used(files: Files) -> list[str]:
    if "errors.py" not in files:
        return []
    defined = {node.name for node in ast.parse(files["errors.py"]).body if isinstance(node, ast.ClassDef)}
    used: set[str] = set()
    for path in files.keys() - {"errors.py", "__init__.py"}:
        for node in ast.walk(ast.parse(files[path])):
            if isinstance(node, ast.Name):
                used.add(node.id)
            elif isinstance(node, ast.Attribute):
                used.add(node.attr)
    return [f"errors.py: nothing raises or catches {name}" for name in sorted(defined - used)]


Check = Callable[[Files], list[str]]
BAD: list[tuple[Check, str, str]] = [
    (every_file_has_a_layer, "attic.py", ""),
    (every_file_has_a_layer, "attic/box.py", ""),
    (imports_go_down, "trees.py", "import xnet"),
    (imports_go_down, "trees.py", "from xnet import Network"),
    (imports_go_down, "kernels/pool.py", "from xnet import layers"),
    (imports_go_down, "layers/dense.py", "from xnet.train.optimizers import SGD"),
    (imports_go_down, "random.py", "def f():\n    import xnet.layers.network"),
    (no_imports_in_a_circle, "graph/evaluate.py", "from xnet.graph.loop import results_of"),
    (no_imports_in_a_circle, "graph/ir.py", "def f():\n    from xnet.graph import evaluate"),
    (imports_are_absolute, "layers/dense.py", "from . import network"),
    (only_backends_name_a_library, "layers/dense.py", "import numpy as np"),
    (only_backends_name_a_library, "data/sets.py", "def f():\n    from torch import nn"),
    (only_backends_name_a_library, "layers/dense.py", "from array_api_compat import cupy"),
    (only_backends_name_a_library, "layers/dense.py", "import array_api_compat.torch"),
    (only_backends_name_a_library, "layers/dense.py", "from xnet.backends import torch"),
    (only_backends_name_a_library, "layers/network.py", 'b = backend("torch:cuda:0")'),
    (only_backends_name_a_library, "random.py", "import numpy"),
    (only_backends_name_a_library, "compile/compiled.py", "import numpy"),
    (only_backends_name_a_library, "guards.py", "from array_api_compat import is_dask_array"),
    (kernels_are_pure, "kernels/pool.py", "Y += b"),
    (kernels_are_pure, "kernels/pool.py", "Y[Y > 0] = 0"),
    (kernels_are_pure, "kernels/pool.py", "J = float(J)"),
    (kernels_are_pure, "kernels/pool.py", "J = J.item()"),
    (kernels_are_pure, "kernels/pool.py", "m = X.shape[-1]"),
    (kernels_are_pure, "kernels/pool.py", "n, m = X.shape"),
    (kernels_are_pure, "kernels/pool.py", "xp.exp(Z, out=Z)"),
    (kernels_are_pure, "kernels/pool.py", "print(Z)"),
    (kernels_are_pure, "kernels/pool.py", "assert Z is not None"),
    (kernels_are_pure, "kernels/pool.py", "def f():\n    raise ValueError"),
    (kernels_are_pure, "kernels/pool.py", "def f():\n    global seen"),
    (each_kernel_has_its_backward, "kernels/pool.py", "def pool(X): ..."),
    (each_kernel_has_its_backward, "kernels/pool.py", "def pool_backward(dY, cache): ..."),
    (each_kernel_has_its_backward, "kernels/pool.py",
     "def pool(X): ...\ndef _help(): ...\ndef pool_backward(dY, cache): ..."),
    (each_kernel_has_its_backward, "kernels/pool.py", "def pool(X): ...\ndef pool_backward(dY): ..."),
    (kernels_are_exported, "kernels/pool.py", "def pool(X): ..."),
    (kernels_state_their_equation, "kernels/pool.py", "def pool(X): ..."),
    (heavy_imports_wait, "plot.py", "import matplotlib.pyplot as plt"),
    (heavy_imports_wait, "backends/torch.py", "if True:\n    from torch import nn"),
    (files_are_named_by_meaning, "kernels/utils.py", ""),
    (every_error_is_used, "errors.py", "class NobodyRaisesThis(Exception): ..."),
]  # fmt: skip
# Beside each bad file stand these good ones.
BESIDE = {"graph/loop.py": "from xnet.graph.evaluate import run", "graph/evaluate.py": "from xnet.graph.ir import Node"}
GOOD = BESIDE | {
    "kernels/__init__.py": "from xnet.kernels.pool import pool, pool_backward\n"
    '__all__ = ["pool", "pool_backward"]',
    "kernels/pool.py": 'def _k(): ...\ndef pool(X):\n    "y = x"\n    n, _ = X.shape\n    return X, ()\n'
    'def pool_backward(dY, cache):\n    "dx = dy"\n    return dY',
    "backends/torch.py": 'name = "torch"\ndef xp():\n    import torch\n    return torch',
    "loops/vectors.py": "import numpy as np\nfrom xnet.types import Array",
    "errors.py": "class ShapeError(Exception): ...",
    "guards.py": "from xnet import backends, errors\ndef shape():\n    raise errors.ShapeError",
}  # fmt: skip
CHECKS = sorted({check for check, _, _ in BAD}, key=lambda check: check.__name__)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_package_keeps_to_its_architecture(check: Check) -> None:
    assert check(SOURCES) == []


@pytest.mark.parametrize(("check", "path", "source"), BAD)
def test_each_check_can_fail(check: Check, path: str, source: str) -> None:
    assert check(BESIDE | {path: source})


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_no_check_objects_to_good_code(check: Check) -> None:
    assert check(GOOD) == []


def test_every_row_of_the_table_exists() -> None:
    assert len(LAYERS) > 20
    assert [name for name in LAYERS if not (PACKAGE / name).exists()] == []


def test_files_of_the_tests_are_named_by_meaning() -> None:
    assert files_are_named_by_meaning({path.name: "" for path in TESTS.rglob("*.py")}) == []


def test_the_package_tested_is_the_one_meant() -> None:
    """Nox says that it installed a wheel; the checkout must not stand in for it."""
    assert "XNET_TEST_INSTALLED" not in os.environ or "site-packages" in PACKAGE.parts


def python(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """A new Python that finds the same xnet."""
    env = os.environ | {"PYTHONPATH": str(PACKAGE.parent), **more}
    return subprocess.run([sys.executable, *arguments], env=env, capture_output=True, text=True, check=True)


def loaded_by(statement: str) -> set[str]:
    show = "import sys; print(*{name.partition('.')[0] for name in sys.modules})"
    return set(python("-c", f"{statement}\n{show}").stdout.split())


def test_import_loads_nothing_heavy() -> None:
    assert loaded_by("import xnet") & HEAVY == set()
    assert "sqlite3" in loaded_by("import sqlite3")  # a guest would be seen


def milliseconds(report: str, module: str) -> float:
    """What importing the module cost with all that it loaded, out of `python -X importtime`."""
    found = re.search(rf"(?m)^import time:\s*\d+ \|\s*(\d+) \| {module}$", report)
    assert found, report
    return int(found[1]) / 1000


def test_import_is_cheap(tmp_path: Path) -> None:
    """In the time of the processor, and beside NumPy.  With bytecode, as installed: the first import writes it."""
    cached = {"PYTHONPYCACHEPREFIX": str(tmp_path), "PYTHONDONTWRITEBYTECODE": ""}
    code = "import numpy, time; t = time.process_time(); import xnet; print(time.process_time() - t)"
    runs = [python("-X", "importtime", "-c", code, **cached) for _ in range(8)]
    assert min(float(run.stdout) for run in runs) <= 0.060
    assert min(milliseconds(run.stderr, "xnet") / milliseconds(run.stderr, "numpy") for run in runs) <= 0.6
    assert milliseconds("import time:       100 |      90500 | xnet", "xnet") == 90.5
