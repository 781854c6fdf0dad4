"""Folders of images: each folder is a class, each image a column."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from xnet import data
from xnet.errors import DataError

pytestmark = pytest.mark.usefixtures("numpy_by_default")


def paint(path: Path, colour: Any, size: tuple[int, int] = (64, 64), mode: str = "RGB") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, (size[1], size[0]), colour).save(path)


def test_a_folder_of_images_becomes_columns(tmp_path: Path) -> None:
    """C1: an image 64×64×3 is a column of 12288 once flattened."""
    paint(tmp_path / "dog" / "b.png", (255, 0, 51))
    paint(tmp_path / "cat" / "a.JPG", (0, 0, 0))
    paint(tmp_path / "cat" / "c.png", 255, mode="L")
    paint(tmp_path / ".hidden" / "c.png", 255)
    X, Y, classes, _ = data.read(tmp_path)
    assert (X.shape, X.dtype, classes) == ((3, 64, 64, 3), np.float32, ("cat", "dog"))
    np.testing.assert_array_equal(Y, np.asarray([[0, 0, 1]], np.int32), strict=True)
    pixel = np.asarray([[0, 1, 1], [0, 1, 0], [0, 1, 0.2]])  # red, green, blue of each image
    np.testing.assert_allclose(X[:, 1, 2], pixel, atol=1e-6)
    assert X.reshape(-1, 3).shape == (12288, 3)


def test_grey_images_have_one_channel_and_can_be_resized(tmp_path: Path) -> None:
    paint(tmp_path / "0" / "a.png", 255, (4, 6), "L")
    paint(tmp_path / "1" / "b.png", 0, (8, 8), "L")
    assert data.read(tmp_path, size=(4, 6)).X.shape == (1, 4, 6, 2)


def test_a_photograph_is_turned_the_right_way_up(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held on its side
    (tmp_path / "a").mkdir()
    Image.new("RGB", (6, 4)).save(tmp_path / "a" / "a.jpg", exif=exif)
    assert data.read(tmp_path).X.shape == (3, 6, 4, 1)


def _sizes(folder: Path) -> None:
    paint(folder / "a" / "1.png", 0, (4, 6))
    paint(folder / "a" / "2.png", 0, (5, 6))


def _torn(folder: Path) -> None:
    paint(folder / "a" / "1.png", 0)
    (folder / "a" / "1.png").write_bytes((folder / "a" / "1.png").read_bytes()[:60])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            _sizes,
            "2.png: images must be of one size; got 5×6 (height×width), and 1.png is 4×6; resize them all: size=(4, 6)",
        ),
        (_torn, "1.png: the image must be readable; got"),
        (lambda folder: paint(folder / "a" / "1.png", 9, mode="I;16"), "a pixel must be a byte; got mode=I;16;"),
        (
            lambda folder: (folder / "a").mkdir(),
            "a: a class needs images; got {here}/a without any; arrange it as folder/CLASS",
        ),
        (lambda folder: paint(folder / "1.png", 0), "each class is a folder of images; got {here} without folders;"),
    ],
)
def test_folders_refuse(tmp_path: Path, make: Callable[[Path], object], message: str) -> None:
    make(tmp_path)
    with pytest.raises(DataError) as error:
        data.read(tmp_path)
    assert message.format(here=tmp_path) in str(error.value)


def test_without_pillow_the_error_says_what_to_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paint(tmp_path / "a" / "1.png", 0)
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(DataError, match=r'pip install "\.\[images\]" in xnet'):
        data.read(tmp_path)
