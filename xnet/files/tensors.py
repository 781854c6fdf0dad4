"""Reading safetensors files: named tensors and a header of text."""

from pathlib import Path

from xnet.errors import DataError
from xnet.types import Array


def read(path: Path) -> tuple[dict[str, str], dict[str, Array]]:
    """The header, and the tensors as host arrays.  If the header lacks the key "xnet", no tensors are read."""
    from safetensors import SafetensorError, safe_open

    if path.is_dir():
        raise DataError(f"{path}: must be a safetensors file; got a folder; name the file in it")
    try:
        with safe_open(path, framework="numpy") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()} if "xnet" in header else {}  # noqa: SIM118
    except FileNotFoundError:
        raise DataError(f"{path}: the file must exist; got {path.absolute()}; check the name") from None
    except (SafetensorError, OSError, TypeError, ValueError) as error:
        raise DataError(
            f"{path}: must be a whole safetensors file; got {error}; is it cut short, or of another format?"
        ) from None
    return header, tensors
