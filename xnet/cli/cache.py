"""`xnet cache`: the compiled libraries on disk, and how to remove them."""

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from xnet.cli.output import say

if TYPE_CHECKING:
    from xnet.compile.c.cache import Kept


SHOWN = 10  # libraries, those last used first


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "The C libraries that xnet has compiled.  XNET_CACHE names the folder, "
        "XNET_CACHE_SIZE its largest size in megabytes (256); 0 turns the cache off."
    )
    parser.set_defaults(run=run)
    add = parser.add_argument
    add("--clear", action="store_true", help="remove them all")
    add("--json", action="store_true", help="one JSON object and nothing else")


def run(arguments: argparse.Namespace) -> int:
    from xnet.compile.c import cache

    limit, folder = cache.size_limit(), cache.find_folder()
    removed = cache.clear(folder.path) if arguments.clear and folder.path else []
    kept = cache.libraries(folder.path) if folder.path else []
    ziglang = cache.ziglang_bytes(folder.path) if folder.path else 0
    if arguments.json:
        told: dict[str, Any] = {
            "folder": str(folder.path) if folder.path else None,
            "refused": folder.refused,
            "limit": limit,
            "bytes": sum(library.bytes for library in kept),
            "ziglang_bytes": ziglang,
            "libraries": [asdict(library) | {"key": library.key, "path": str(library.path)} for library in kept],
        }
        if arguments.clear:
            told["removed"] = {"libraries": len(removed), "bytes": sum(library.bytes for library in removed)}
        say(json.dumps(told, indent=2))
        return 0
    for reason in folder.refused:
        say(f"not used   {reason}")
    say(f"folder     {folder.path or 'none: nothing is kept'}")
    if arguments.clear:
        say(f"removed    {_count(removed)}")
    say(f"libraries  {_count(kept)} of at most {_size(limit)}" if limit else "libraries  none: XNET_CACHE_SIZE=0")
    if ziglang:
        say(f"ziglang    {_size(ziglang)}, its own files, beyond that")
    for library in kept[:SHOWN]:
        used = time.strftime("%Y-%m-%d %H:%M", time.localtime(library.used))
        say(f"  {library.key}  {_size(library.bytes):>9}  last used {used}")
    if kept[SHOWN:]:
        say(f"  and {len(kept[SHOWN:])} more; --json lists all")
    return 0


def _count(libraries: "Sequence[Kept]") -> str:
    return f"{len(libraries)}, {_size(sum(library.bytes for library in libraries))}"


def _size(size: int) -> str:
    return f"{size / 1e6:,.1f} MB" if size >= 1e6 else f"{size / 1e3:,.1f} kB"
