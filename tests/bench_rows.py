"""A row and a report as `xnet bench` writes them."""

from xnet.bench.rows import Report, Row

ROW = Row(
    "dot", "C10", "dot product", 1_000_000, "n = 1,000,000", "float64", "numpy", "vectorised",
    seconds=1e-3, spread=0.01, first=2e-3, repeats=5, extrapolated=False, bytes=8, flops=2, speedup=700.0,
)  # fmt: skip
REPORT = Report("0", "2026-01-01", {"cpu": "a"}, {}, {"numpy": {"bytes_per_second": 1.0}}, [ROW], "much faster")
