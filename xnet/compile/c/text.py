"""The parts of the C text: types, names, and functions, each of which is written once however often it is called."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, count
from linecache import getline
from pathlib import Path
from typing import TypeAlias

from xnet.compile.c.mathematics import FUNCTIONS, mathematics
from xnet.compile.expression import TYPES, C, expression, functions
from xnet.compile.numpy.names import Names
from xnet.graph.ir import Node

# Words of C, and names of its library that the text or the compiler may mean.
KEYWORDS = (
    "auto bool break case char const continue default do double else enum extern false float for goto if inline int "
    "long main i p register restrict return short signed sizeof static struct switch true typedef union unsigned void "
    "volatile while N sgemm dgemm sgemv dgemv EXPORT NOINLINE INFINITY NAN HUGE_VAL M_E M_PI linux unix i386 "
    "index y0 y1 yn j0 j1 jn gamma signbit isnan isinf isfinite memset memcpy size_t ptrdiff_t step"
)
LIBRARY = (*FUNCTIONS, "sqrt", "fabs", "rint", "pow", "fmod", "div", "abs", "time")
TAKEN = {*KEYWORDS.split(), *(f"{name}{s}" for name in LIBRARY for s in ("", "f")), *(f"i{axis}" for axis in range(64))}
_OWN = re.compile(rf"\b({'|'.join(FUNCTIONS)})(f?)\(")

Written: TypeAlias = Callable[[Sequence[str]], list[str]]  # from the names of the parameters to the body of a function


class CNames(Names):
    """Names that C accepts too."""

    def __init__(self, given: Mapping[Node, str]) -> None:
        super().__init__(given)
        self.taken |= TAKEN

    def free(self, name: str) -> str:
        return super().free(re.sub(r"[^a-zA-Z0-9_.]", "_", name))


@dataclass(frozen=True)
class Parameter:
    """A pointer that a function takes: the wished name, the type of its numbers, and whether they are written."""

    name: str
    dtype: str
    written: bool = False

    def declared(self, name: str) -> str:
        return f"{'' if self.written else 'const '}{TYPES[self.dtype]} *restrict {name}"


@dataclass
class Text:
    """The functions written so far, by what they do."""

    names: CNames  # of the whole text
    functions: dict[str, str] = field(default_factory=dict)  # the name of a function by its canonical text
    texts: list[str] = field(default_factory=list)

    def function(self, name: str, parameters: Sequence[Parameter], body: Written, lines: Sequence[Node]) -> str:
        """The name of the function with this body; one that does the same is not written again."""
        plain = [f"a{i}" for i in range(len(parameters))]
        key = self._definition("f", parameters, plain, body(plain))
        if key not in self.functions:
            every = chain([name], map(f"{name}{{}}".format, count(2)))
            found = self.functions[key] = next(one for one in every if one not in self.names.taken)
            self.names.taken.add(found)
            nice = [parameter.name for parameter in parameters]
            comment = "".join(f"{line}\n" for line in comments(lines))
            self.texts.append(comment + self._definition(found, parameters, nice, body(nice)))
        return self.functions[key]

    @staticmethod
    def _definition(name: str, parameters: Sequence[Parameter], names: Sequence[str], body: Sequence[str]) -> str:
        declared = ", ".join(p.declared(x) for p, x in zip(parameters, names, strict=True))
        lines = "".join(f"  {line}\n" for line in body)
        return f"static NOINLINE void {name}({declared}) {{\n{lines}}}\n"


def comments(nodes: Sequence[Node]) -> list[str]:
    """The user's lines that these nodes come from, each once."""
    lines = dict.fromkeys(node.line for node in nodes)
    written = ((getline(file, n).strip().replace("*/", "* /"), f"{Path(file).name}:{n}") for file, n in lines)
    return [f"/* {line}   ({at}) */" for line, at in written if line]


def without_comments(source: str) -> str:
    """What the compiler is given: the user's lines do not decide what is in the cache."""
    return re.sub(r"(?m)^ */\* .* \*/\n", "", source)


def value(node: Node, operands: Sequence[str]) -> str:
    """The node's value, by the mathematical functions of this package where it has them."""
    return _OWN.sub(r"xnet_\1\2(", expression(node, operands, C))


def head(source: str) -> str:
    """What stands before the functions: what they call, and nothing else."""
    used = dict.fromkeys(re.findall(r"\bxnet_(\w+?)f?\(", source))
    own = mathematics(f for f in used if f in FUNCTIONS)
    shared = functions(C) if re.search(r"\b(remainder|floor_divide|pow)_\w+\(", source) else C.head
    return "\n".join((shared + "#include <string.h>", "#define NOINLINE __attribute__((noinline))", own, ""))
