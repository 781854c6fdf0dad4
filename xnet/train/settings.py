"""Numbers in the fields of frozen dataclasses: each field holds the rule that its number must keep.

lr: float = field(default=0.1, metadata=ABOVE_0)
"""

from dataclasses import fields

from xnet import guards

ABOVE_0 = {"rule": "above 0"}
AT_LEAST_0 = {"rule": "at least 0"}
IN_0_1 = {"rule": "in [0, 1)"}


class Settings:
    """The base class of frozen dataclasses that check their numbers when an object is made.

    A field with a rule may also hold None, or a function of t.
    """

    def __post_init__(self) -> None:
        for f in fields(self):  # type: ignore[arg-type]
            value = getattr(self, f.name)
            if hasattr(value, "item"):  # a NumPy scalar would promote the float32 arrays that it meets
                value = value.item()
                object.__setattr__(self, f.name, value)
            if "rule" in f.metadata and value is not None and not callable(value):
                guards.number(type(self).__name__, f.name, value, f.metadata["rule"])
