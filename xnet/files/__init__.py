"""Files: atomic writes, and safetensors files with a header."""

from xnet.files.tensors import read
from xnet.files.writing import FilePath, check_writable, write

__all__ = ["FilePath", "check_writable", "read", "write"]
