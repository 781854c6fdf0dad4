"""A folder of images: one folder for each class."""

from pathlib import Path

import numpy as np

from xnet.backends.machine import how_to_install
from xnet.data.rows import Rows, wrong
from xnet.types import Array

SUFFIXES = (".png", ".jpg", ".jpeg")


def read(path: Path, size: tuple[int, int] | None) -> Rows:
    """X (m, h, w, channels): one channel if all images are grey, else red, green and blue."""
    names, files = _listing(path)
    pixels = [_pixels(file, size) for file, _ in files]
    h, w = pixels[0].shape[:2]
    for (file, _), image in zip(files, pixels, strict=True):
        if image.shape[:2] != (h, w):
            got = f"{image.shape[0]}×{image.shape[1]} (height×width), and {files[0][0].name} is {h}×{w}"
            raise wrong(file, "images must be of one size", got, f"resize them all: size=({h}, {w})")
    if len({image.shape for image in pixels}) > 1:
        pixels = [np.broadcast_to(image, (h, w, 3)) for image in pixels]
    return Rows(np.stack(pixels), np.asarray([label for _, label in files], dtype=np.int32), names)


def _listing(path: Path) -> tuple[tuple[str, ...], list[tuple[Path, int]]]:
    """The classes in sorted order, and each image with its label."""
    folders = sorted(child for child in path.iterdir() if child.is_dir() and not child.name.startswith("."))
    files = []
    fix = "arrange it as folder/CLASS/image.png (or .jpg)"
    for label, folder in enumerate(folders):
        inside = [file for file in folder.iterdir() if file.suffix.lower() in SUFFIXES and file.name[0] != "."]
        if not inside:
            raise wrong(folder, "a class needs images", f"{folder.absolute()} without any", fix)
        files += [(file, label) for file in sorted(inside)]
    if not folders:
        raise wrong(path, "each class is a folder of images", f"{path.absolute()} without folders", fix)
    return tuple(folder.name for folder in folders), files


def _pixels(file: Path, size: tuple[int, int] | None) -> Array:
    """(h, w, 1) or (h, w, 3) of uint8, rotated as the EXIF data say.  Transparency is dropped."""
    try:
        from PIL import Image, ImageOps
    except ImportError:
        rule, got = "a folder of images needs Pillow", "no module named PIL"
        raise wrong(file.parents[1], rule, got, how_to_install("images")) from None
    try:
        with Image.open(file) as opened:
            image = ImageOps.exif_transpose(opened)
            mode = image.mode
            image = image.convert("L") if mode in ("1", "L") else image.convert("RGBA").convert("RGB")
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise wrong(file, "the image must be readable", str(error), "replace or delete it") from None
    if mode.startswith(("I", "F")):
        raise wrong(file, "a pixel must be a byte", f"mode={mode}", "save it with 8 bits a channel")
    if size is not None:
        image = image.resize((size[1], size[0]))
    pixels = np.asarray(image)
    return pixels[..., None] if pixels.ndim == 2 else pixels
