"""C texts, and small scripts that stand in for a C compiler and do what a broken one does."""

import sys
from pathlib import Path

ADD = "int add(int a) { return a + %d; }\n"


def program(n: int = 1) -> str:
    return ADD % n


# What follows runs when the script is to make the library $out; `text` is the C file.
BROKEN = {
    "fails": 'echo "a remark"; echo "program.c:1:5: error: no such thing"; echo "another error"; exit 3',
    "says nothing": "exit 1",
    "writes no text": "printf '\\377\\376\\001bad\\n'; exit 1",
    "is killed": "kill -9 $$",
    "hangs": 'sleep 60 & echo $! > "$children"; wait',
    "writes without end": "yes",
    "makes no library": "echo done; exit 0",
    "makes rubbish": 'echo rubbish > "$out"',
    "makes an empty file": ': > "$out"',
}


def script(path: Path, action: str, version: str = "echo fake 1.0; exit 0") -> str:
    """An executable file that answers to --version and else does the action."""
    lines = [
        "#!/bin/sh",
        f'children="{path.parent}/children"',
        'while [ $# -gt 0 ]; do case "$1" in',
        f"--version) {version} ;;",
        '-o) out="$2"; shift ;;',
        '*.c) text="$1" ;;',
        "esac; shift; done",
        action,
    ]
    path.write_text("\n".join(lines) + "\n")
    path.chmod(0o755)
    return str(path)


# A new Python process that loads three programs and prints what they give.
LOAD_THREE = [
    sys.executable,
    "-c",
    f"from xnet.compile.c import cache\nprint([cache.load({ADD!r} % n).functions.add(40) for n in range(3)])",
]
