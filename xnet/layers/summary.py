"""The course's table of shapes, for any network, as text and in a notebook.   (C24)"""

from dataclasses import dataclass

from xnet.types import Shape


@dataclass(frozen=True)
class Row:
    """A layer: the shapes of its parameters and statistics, of its output for one example, and how much it learns."""

    number: str
    layer: str
    shapes: dict[str, Shape]
    out_shape: Shape
    parameters: int


@dataclass(frozen=True, repr=False)
class Summary:
    rows: tuple[Row, ...]

    @property
    def parameters(self) -> int:
        return sum(row.parameters for row in self.rows)

    def table(self) -> list[list[str]]:
        names = list(dict.fromkeys(name for row in self.rows for name in row.shapes))
        head = ["l", "layer", *names, "Z, A", "parameters"]
        body = [
            [
                row.number,
                row.layer,
                *(str(row.shapes.get(name, "")) for name in names),
                f"({', '.join([*map(str, row.out_shape), 'm'])})",
                f"{row.parameters:,}" if row.shapes else "",
            ]
            for row in self.rows
        ]
        return [head, *body, ["", "", *("" for _ in names), "total", f"{self.parameters:,}"]]

    def __str__(self) -> str:
        table = self.table()
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in table
        ]
        rule = "─" * max(map(len, lines))
        return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1]])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from html import escape

        head, *body = ("".join(f"<td>{escape(cell)}</td>" for cell in line) for line in self.table())
        rows = "".join(f"<tr>{line}</tr>" for line in body)
        return f"<table><thead><tr>{head.replace('td>', 'th>')}</tr></thead><tbody>{rows}</tbody></table>"
