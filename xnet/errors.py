"""The typed errors.  Each text is `<what>: <rule>; got <expression>=<value>, …; <what to type>`."""


class XnetError(Exception):
    """The base class of every error of xnet.  Each error is also a built-in error."""


class ShapeError(XnetError, ValueError):
    """An array of the wrong rank, the wrong number of features, or a different number of examples."""


class DtypeError(XnetError, TypeError):
    """Integers in place of floating-point numbers, or a dtype that the library lacks."""


class ValueRangeError(XnetError, ValueError):
    """NaN or infinity in an input, a label out of range, a hyper-parameter outside its interval."""


class DeviceMismatchError(XnetError, TypeError):
    """Arrays of two libraries or on two devices, where all must be on one."""


class UnknownNameError(XnetError, ValueError):
    """An unknown name of an activation, a cost, an optimizer, a backend or a data set."""


class BackendUnavailable(XnetError, RuntimeError):  # noqa: N818  (the name is public and says what is wrong)
    """A library that is not installed, or that is installed and does not work here."""


class CompilerError(XnetError, RuntimeError):
    """No C compiler, or one that did not make a library that loads."""


class TraceError(XnetError, TypeError):
    """A function that cannot be traced: it needs a value, or an operation without a rule."""


class GradientError(XnetError, AssertionError):
    """A derivative that differs from the slope of its function."""


class StatisticError(XnetError, TypeError):
    """A statistic is treated as a gradient: arithmetic with its new value, or a backward that does not replace it."""


class DataError(XnetError, ValueError):
    """A file that is missing, truncated, or of another format than its name says."""


class DivergedError(XnetError, ArithmeticError):
    """The cost became NaN or infinite."""


class BackendWarning(UserWarning):
    """A choice of a backend that xnet made for the user.  Each is reported once."""
