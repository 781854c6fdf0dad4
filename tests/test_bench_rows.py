"""Reports of the benchmark suite: reading, comparing, and what is computed from their rows."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from bench_rows import REPORT, ROW

from xnet.bench.compare import changes
from xnet.bench.rows import Row, crossings, headline, read
from xnet.errors import DataError

pytestmark = pytest.mark.usefixtures("own_folder")


@pytest.mark.parametrize(
    ("seconds", "there", "with_transfers"),
    [
        ((3.0, 0.5), "from n = 100 on", "from n = 100 on"),
        ((0.5, 0.5), "from n = 10 on", "from n = 100 on"),
        ((0.5, 3.0), "at no size measured", "at no size measured"),
        ((3.0, 1.9), "from n = 100 on", "at no size measured"),
    ],
)
def test_where_another_device_overtakes(seconds: tuple[float, float], there: str, with_transfers: str) -> None:
    def row(size: int, backend: str, form: str, seconds: float) -> Row:
        return replace(ROW, size=size, size_text=f"n = {size}", backend=backend, form=form, seconds=seconds)

    rows = [
        made
        for size, gpu in zip((10, 100), seconds, strict=True)
        for made in (
            row(size, "numpy", "loop", 9.0), row(size, "numpy", "vectorised", 5.0), row(size, "numpy", "compiled", 2.0),
            row(size, "cupy:0", "transfer", 1.4), row(size, "cupy:0", "vectorised", gpu),
            row(size, "cupy:0", "transfer back", 0.1 if size == 10 else 0.0),
        )
    ]  # fmt: skip
    told = f"dot, float64: cupy:0 overtakes numpy {there}; with the transfers {with_transfers}"
    assert crossings(rows) == [told]
    for alone in ("numpy", "cupy:0"):
        assert crossings([row for row in rows if row.backend == alone]) == []


def test_headline() -> None:
    assert headline([ROW]) == "Dot of 1,000,000 numbers: 700 times faster; the course measured 660"
    assert headline([replace(ROW, dtype="float32"), replace(ROW, backend="strict:cpu")]) == ""


@pytest.mark.parametrize(
    ("was", "now", "verdict", "noise"),
    [
        ((1.0, 0.0), (1.09, 0.0), "within noise", 0.1),
        ((1.0, 0.0), (1.11, 0.0), "slower", 0.1),
        ((1.0, 0.0), (0.89, 0.0), "faster", 0.1),
        ((1.0, 0.03), (1.14, 0.04), "within noise", 0.15),
        ((1.0, 0.03), (1.16, 0.04), "slower", 0.15),
        ((1.0, 0.5), (0.45, 0.0), "within noise", 1.5),
        ((1.0, 0.5), (0.001, 0.0), "faster", 1.5),
    ],
)
def test_what_is_within_noise(was: Any, now: Any, verdict: str, noise: float) -> None:
    old, new = (replace(REPORT, rows=[replace(ROW, seconds=s, spread=spread)]) for s, spread in (was, now))
    (change,) = changes(old.rows, new.rows)
    assert (change.verdict, change.ratio) == (verdict, now[0])
    assert change.noise == pytest.approx(noise)


def test_a_report_of_a_later_version_is_read_too() -> None:
    told = json.loads(REPORT.json())
    told |= {"weather": "fine", "rows": [row | {"weather": "fine"} for row in told["rows"]]}
    Path("later.json").write_text(json.dumps(told))
    assert read("later.json") == REPORT


@pytest.mark.parametrize(
    "change",
    [{"seconds": x} for x in (float("nan"), float("inf"), 0, -1.0, "fast", None)]
    + [{"spread": x} for x in (float("nan"), float("inf"), -1.0, "wide")]
    + [{"size": [1]}, {"size": "1"}, {"case": None}],
    ids=str,
)
def test_a_row_that_nothing_can_be_held_against_is_refused(change: dict[str, Any]) -> None:
    told = json.loads(REPORT.json())
    Path("odd.json").write_text(json.dumps(told | {"rows": [told["rows"][0] | change]}))
    with pytest.raises(
        DataError, match=r"odd\.json: must be a report, from xnet bench --json; got something else, or "
    ):
        read("odd.json")


@pytest.mark.parametrize("field", ["machine", "rows"])
def test_a_report_without_its_parts_is_refused(field: str) -> None:
    Path("odd.json").write_text(json.dumps(json.loads(REPORT.json()) | {field: None}))
    with pytest.raises(DataError, match="must be a report"):
        read("odd.json")
