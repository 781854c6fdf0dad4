"""The BLAS that NumPy has loaded, and libraries that stand in for others."""

import ctypes
from pathlib import Path

import numpy as np
import pytest
from marks import needs_a_compiler

from xnet.compile.c import blas, compiler
from xnet.compile.c.blas import Blas, NoBlas

GEMM = """
void NAME(int order, int ta, int tb, INT m, INT n, INT k, REAL alpha, const REAL* A, INT lda,
          const REAL* B, INT ldb, REAL beta, REAL* C, INT ldc) {
    for (INT i = 0; i < m; i++) for (INT j = 0; j < n; j++) {
        REAL sum = 0;
        for (INT l = 0; l < k; l++) sum += A[i * lda + l] * B[l * ldb + j];
        C[i * ldc + j] = alpha * sum ERROR;
    }
}
"""


def gemm(name: str, integer: str, error: str = "") -> str:
    """Both products of a small BLAS."""
    text = ""
    for letter, real in (("s", "float"), ("d", "double")):
        named = GEMM.replace("NAME", name.replace("sgemm", f"{letter}gemm"))
        text += named.replace("INT", integer).replace("REAL", real).replace("ERROR", error)
    return text


def library(text: str, folder: Path) -> ctypes.CDLL:
    found = compiler.find()
    assert isinstance(found, compiler.Compiler)
    return ctypes.CDLL(str(compiler.build(found, text, ("-O1",), folder)))


def test_the_blas_of_this_numpy() -> None:
    found = blas.find()
    assert isinstance(found, Blas), found
    assert {"cblas_sgemm", "cblas_dgemm", "cblas_sgemv", "cblas_dgemv"} <= found.functions.keys()
    assert all(found.functions.values())
    threads = found.threads()
    assert threads is None or threads >= 1
    assert str(found) == f"{found.name}, {8 * found.integer}-bit integers"
    assert blas.find() is found


def test_it_is_the_library_that_numpy_multiplies_with() -> None:
    """The version that NumPy was built with is that of the library found, where both tell it."""
    built = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    found = blas.find()
    assert isinstance(found, Blas)
    if "openblas" in built["name"] and "numpy.libs" in str(found.path):
        assert found.name == f"OpenBLAS {built['version']}"


def test_its_product_is_numpys() -> None:
    found = blas.find()
    assert isinstance(found, Blas)
    assert blas.multiplies_right(found, "cblas_sgemm")
    assert blas.multiplies_right(found, "cblas_dgemm")


LONG, INT = "long long", "int"


def config(name: str, width: str = "") -> str:
    """What an OpenBLAS tells of itself."""
    return f'const char* {name}(void) {{ return "OpenBLAS 0.3.99 {width} DYNAMIC_ARCH"; }}'


MKL = "int MKL_Get_Max_Threads(void) { return 3; }"
THREADS = "int openblas_get_num_threads(void) { return 7; }"
PLAIN, WHEEL = gemm("cblas_sgemm", INT), gemm("scipy_cblas_sgemm64_", LONG)
WIDE = gemm("cblas_sgemm", LONG)
NAMED = [
    (WHEEL, "BLAS", 8, None),
    (WHEEL + config("scipy_openblas_get_config64_"), "OpenBLAS 0.3.99", 8, None),
    (gemm("cblas_sgemm64_", LONG), "BLAS", 8, None),
    (gemm("scipy_cblas_sgemm", INT), "BLAS", 4, None),
    (PLAIN, "BLAS", 4, None),
    (PLAIN + config("openblas_get_config") + THREADS, "OpenBLAS 0.3.99", 4, 7),
    (WIDE + config("openblas_get_config", "USE64BITINT"), "OpenBLAS 0.3.99", 8, None),
    (gemm("cblas_sgemm$NEWLAPACK$ILP64", LONG), "Accelerate", 8, None),
    (PLAIN + MKL, "MKL", 4, 3),
]


@needs_a_compiler
@pytest.mark.parametrize(("text", "name", "integer", "threads"), NAMED)
def test_the_names_of_other_libraries(text: str, name: str, integer: int, threads: int | None, tmp_path: Path) -> None:
    found = blas.find_in(library(text, tmp_path))
    assert isinstance(found, Blas), found
    assert (found.name, found.integer, found.threads()) == (name, integer, threads)
    assert found.functions.keys() == {"cblas_sgemm", "cblas_dgemm"}
    assert found.path is None or Path(found.path).name == "program.so"


@needs_a_compiler
def test_mkl_takes_its_integers_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MKL_INTERFACE_LAYER", "GNU,ILP64")
    found = blas.find_in(library(WIDE + MKL, tmp_path))
    assert isinstance(found, Blas), found
    assert found.integer == 8


@needs_a_compiler
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("int nothing;", "NumPy has loaded no library with cblas_sgemm and cblas_dgemm"),
        (gemm("my_sgemm", INT), "NumPy has loaded no library with cblas_sgemm and cblas_dgemm"),
        (gemm("cblas_sgemm", INT, "+ 1"), "cblas_sgemm of BLAS, 32-bit integers gives a wrong product"),
        (gemm("cblas_sgemm", INT, "* 0"), "cblas_sgemm of BLAS, 32-bit integers gives a wrong product"),
    ],
)
def test_what_is_no_blas_gives_a_reason(text: str, reason: str, tmp_path: Path) -> None:
    found = blas.find_in(library(text, tmp_path))
    assert found == NoBlas(reason)
    assert str(found) == reason


def test_where_numpy_cannot_be_looked_into(monkeypatch: pytest.MonkeyPatch) -> None:
    blas.find.cache_clear()
    monkeypatch.setattr(blas, "_numpy_libraries", lambda: iter(()))
    assert blas.find() == NoBlas("NumPy's own library cannot be opened")
    blas.find.cache_clear()
