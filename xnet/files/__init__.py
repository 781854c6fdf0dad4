"""Files on disk: content written whole or not at all, and named tensors with a header."""

from xnet.files.tensors import read
from xnet.files.writing import FilePath, check_writable, write

__all__ = ["FilePath", "check_writable", "read", "write"]
