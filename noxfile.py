"""The checks, each in a fresh environment: `nox` runs the default ones, `nox --list` names all."""

import importlib.util
import os
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "virtualenv"
nox.options.error_on_external_run = True

ROOT = Path(__file__).parent
PYPROJECT = nox.project.load_toml(ROOT / "pyproject.toml")
PYTHONS = ("3.11", "3.12", "3.13")
OLDEST = PYTHONS[0]


@dataclass(frozen=True)
class Backends:
    """The backends that one run of the tests covers, and what they need beside the wheel itself."""

    names: str
    extras: str
    pythons: tuple[str, ...] = PYTHONS
    also: tuple[str, ...] = ()


# An exact version of PyTorch: tests and comparisons then see the same build everywhere.
PYTORCH = "torch==2.13.0"

SETS = {
    "core": Backends("numpy,readonly,strict,strict:device1,dask", extras="strict,dask"),
    "frameworks": Backends("torch,jax", extras="jax,strict", pythons=(OLDEST,), also=(PYTORCH,)),
}

nox.options.sessions = ["lint", "types", *(f"tests-{python}" for python in PYTHONS), "minimums"]


def group(*names: str) -> tuple[str, ...]:
    """The requirements of the dependency groups of pyproject.toml."""
    return nox.project.dependency_groups(PYPROJECT, *names)


WHEELS: list[Path] = []


def wheel(session: nox.Session) -> str:
    """The wheel of this checkout, built by the first session that asks."""
    if not WHEELS:
        folder = Path(session.cache_dir, "wheel")
        shutil.rmtree(folder, ignore_errors=True)
        build = ("python", "-m", "pip", "wheel", "--no-deps", f"--wheel-dir={folder}", str(ROOT))
        session.run(*build, silent=True)
        WHEELS.extend(folder.glob("xnet-*.whl"))
    return str(WHEELS[0])


def install(session: nox.Session, *requirements: str, extras: str) -> None:
    built = wheel(session)
    session.install(f"{built}[{extras}]", *requirements)
    # In an environment kept with `-r` pip would take the last wheel of the same version for this one.
    session.install("--force-reinstall", "--no-deps", built)


def pytest(session: nox.Session, backends: str, *arguments: str) -> None:
    """The tests against the installed wheel; the two paths keep the checkout from standing in for it."""
    session.run(
        "pytest",
        *arguments,
        *session.posargs,
        env={
            "XNET_TEST_BACKENDS": backends,
            "XNET_TEST_INSTALLED": "1",
            "PYTHONSAFEPATH": "1",
            "PYTHONPATH": None,
            "JAX_PLATFORMS": "cpu",
        },
    )


@nox.session
def lint(session: nox.Session) -> None:
    """Ruff: the rules, then the format."""
    session.install(*group("lint"))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Mypy, strict, over the package, the tests, the benchmarks and this file."""
    session.install(*PYPROJECT["project"]["dependencies"], *group("types"))
    session.run("mypy")
    session.run("mypy", "benchmarks/conftest.py")
    session.run("mypy", "--config-file=", "--strict", "-p", "cupy", "-p", "cupyx", env={"MYPYPATH": "tests/fake_cupy"})


def tests_on(python: str) -> None:
    chosen = [nox.param(backends, id=name) for name, backends in SETS.items() if python in backends.pythons]

    @nox.session(name=f"tests-{python}", python=python, tags=["tests"])
    @nox.parametrize("backends", chosen)
    def tests(session: nox.Session, backends: Backends) -> None:
        """The test suite against the built wheel, on one set of backends; the tests for a GPU on a fake one, once."""
        install(session, *backends.also, *group("test"), extras=backends.extras)
        # Another set has run the tests that depend on no library.
        only = () if backends is SETS["core"] else ("--libraries-only",)
        pytest(session, backends.names, "-m", "not gpu", "-n", "auto", *only)
        if backends is SETS["core"] and python == OLDEST and not session.posargs:
            pytest(session, "fake-cupy", "-m", "gpu", "-n", "auto")


for version in PYTHONS:
    tests_on(version)


@nox.session(python=OLDEST)
def minimums(session: nox.Session) -> None:
    """The lowest versions that pyproject.toml allows, so that its lower bounds are true."""
    project = PYPROJECT["project"]
    bounds = (*project["dependencies"], *project["optional-dependencies"]["strict"])
    if loose := [bound for bound in bounds if ">=" not in bound]:
        session.error(f"pyproject.toml: every core dependency has a lower bound `>=`; got {', '.join(loose)}")
    install(session, *(bound.replace(">=", "==") for bound in bounds), *group("test"), extras="strict")
    pytest(session, "numpy,readonly,strict", "-m", "not gpu", "-n", "auto")


CUPY_IS_HERE = importlib.util.find_spec("cupy") is not None


@nox.session(venv_backend="none" if CUPY_IS_HERE else "virtualenv")
def gpu(session: nox.Session) -> None:
    """The tests marked `gpu`, on CuPy.

    Where the Python that runs nox already has CuPy, its own packages are used and nothing is installed, so
    this works without a package index.  Elsewhere a fresh environment gets the wheel with the extra that
    XNET_CUDA names: cuda12 (unless told otherwise) or cuda13.
    """
    if CUPY_IS_HERE:
        env = {"XNET_TEST_BACKENDS": "cupy", "PYTHONPATH": str(ROOT)}
        session.run(sys.executable, "-m", "pytest", "-m", "gpu", *session.posargs, env=env, external=True)
    else:
        install(session, *group("test"), extras=os.environ.get("XNET_CUDA", "cuda12") + ",strict")
        pytest(session, "cupy", "-m", "gpu")


@nox.session(python=OLDEST)
def peers(session: nox.Session) -> None:
    """Training steps timed beside PyTorch, JAX and scikit-learn; arguments after `--` are passed to the program."""
    install(session, PYTORCH, extras="peers")
    session.run("python", "benchmarks/peers.py", *session.posargs, env={"PYTHONPATH": None})


@nox.session
def bench(session: nox.Session) -> None:
    """The cases of `xnet bench` by pytest-benchmark, and the ratios that must hold; arguments go to pytest."""
    install(session, extras="bench")
    session.run("pytest", "benchmarks", *session.posargs, env={"PYTHONSAFEPATH": "1", "PYTHONPATH": None})


@nox.session(python=OLDEST)
def ulp(session: nox.Session) -> None:
    """The largest errors of the mathematical functions in C, over all float32; after `--` may stand some functions."""
    install(session, extras="bench")
    session.run("python", "benchmarks/ulp.py", *session.posargs, env={"PYTHONPATH": str(ROOT / "tests")})


@nox.session
def sanitize(session: nox.Session) -> None:
    """The programs of the tests in C, with what gcc adds to find wrong addresses and undefined behaviour."""
    install(session, *group("test"), extras="strict")
    find = ("cc", "-print-file-name=libasan.so")
    library = str(session.run(*find, silent=True, external=True)).strip()
    variables = {"LD_PRELOAD": library, "ASAN_OPTIONS": "detect_leaks=0", "XNET_TEST_SANITIZE": "1"}
    files = [f"tests/{name}.py" for name in ("test_c_target", "test_compile", "test_compile_operations")]
    session.run("pytest", "-q", "-k", "c_target or [c", *files, *session.posargs, env=variables)


@nox.session
def docs(session: nox.Session) -> None:
    """Every link from page to page leads somewhere; the Python of each page runs, and so does each example."""
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
    text = {page: page.read_text(encoding="utf-8") for page in pages}
    for page in pages:
        for link in re.findall(r"\]\((?!\w+:)([^)#\s]+)", text[page]):
            if not (page.parent / link).exists():
                session.error(f"{page.relative_to(ROOT)}: a link leads to a file; got {link}")
    install(session, extras="plot,sklearn")
    programs = {page: "\n".join(re.findall(r"(?ms)^```python\n(.*?)^```", text[page])) for page in pages}
    with session.chdir(session.create_tmp()):  # a program may save what it trained
        for page in pages:
            if programs[page]:
                session.log(str(page.relative_to(ROOT)))
                session.run("python", "-c", programs[page], silent=True)
        for example in sorted(ROOT.glob("examples/*.py")):
            session.run("python", str(example), "--quick", silent=True, env={"MPLBACKEND": "agg"})
