"""The typed errors.  Each text reads `<what>: <rule>; got <expression>=<value>, …`, and then the fix."""


class XnetError(Exception):
    """What every error of xnet is, beside the built-in kind it also is."""


class ShapeError(XnetError, ValueError):
    """An array of the wrong rank, the wrong number of features, or a different number of examples."""


class DtypeError(XnetError, TypeError):
    """Integers where numbers with a fraction are meant, or a type that the library does not have."""


class ValueRangeError(XnetError, ValueError):
    """NaN or infinity in an input, a label out of range, a hyper-parameter outside its interval."""


class DeviceMismatchError(XnetError, TypeError):
    """Arrays of two libraries, or on two devices, where they must be together."""


class UnknownNameError(XnetError, ValueError):
    """A name that nothing answers to: an activation, a cost, an optimizer, a backend, a data set."""


class BackendUnavailable(XnetError, RuntimeError):  # noqa: N818  (the name is public and says what is wrong)
    """A library that is not installed, or is installed and cannot work here."""


class TraceError(XnetError, TypeError):
    """A function that cannot become a graph: it asks for a value, or for an operation that has no rule."""


class GradientError(XnetError, AssertionError):
    """A derivative that is not the slope of its function."""


class DataError(XnetError, ValueError):
    """A file that is missing, cut short, or does not hold what its name promises."""


class DivergedError(XnetError, ArithmeticError):
    """The cost became NaN or infinite."""


class BackendWarning(UserWarning):
    """What the library decided for you about a backend, said once."""
