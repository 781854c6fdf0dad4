"""Pictures with matplotlib.  Each function draws on the given axes, or on new ones, and returns them."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from xnet import guards, kernels, names
from xnet.backends import HOST, backend, backend_of
from xnet.backends.machine import how_to_install
from xnet.errors import BackendUnavailable, ShapeError
from xnet.train import Fit
from xnet.types import Array

__all__ = ["activations", "boundary", "history"]

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def history(fits: Fit | dict[str, Fit], ax: "Axes | None" = None) -> "Axes":
    """The cost after each epoch, of one fit or of several fits by name."""
    ax = _axes(ax)
    for name, fit in (fits if isinstance(fits, dict) else {"": fits}).items():
        figures = [figure for figure in ("cost", "validation_cost") if figure in fit.history]
        for figure in figures:
            costs = fit.history[figure]
            suffix = figure.replace("_", " ") if len(figures) > 1 or not name else ""
            # The first line is wide and pale, so that it stays visible under a second line with the same values.
            width, alpha = (1.5, 1.0) if ax.lines else (5.0, 0.4)
            dashes = "-" if figure == "cost" else "--"
            label = f"{name} {suffix}".strip()
            ax.plot(range(1, len(costs) + 1), costs, dashes, linewidth=width, alpha=alpha, label=label)
    ax.set(xlabel="epoch", ylabel="J", yscale="log")
    ax.legend(frameon=False)
    return ax


def boundary(fit: Fit, X: Array, Y: Array, ax: "Axes | None" = None, points: int = 300) -> "Axes":
    """The predicted class of each point of the plane, and the examples X (2, m) with labels Y (1, m) above it."""
    guards.array("boundary", X=X, Y=Y)
    if X.shape[0] != 2:
        raise ShapeError(f"boundary: X must be (2, m), points of a plane; got X.shape={tuple(X.shape)}")
    ax = _axes(ax)
    xp = backend(HOST).xp
    x, y = (backend_of(X).to_numpy(X)[i, :] for i in (0, 1))
    label = backend_of(Y).to_numpy(Y)[0, :]
    edges = [xp.linspace(*_stretched(float(v.min()), float(v.max())), points) for v in (x, y)]
    across, up = xp.meshgrid(*edges)
    grid = xp.astype(xp.stack([xp.reshape(across, (-1,)), xp.reshape(up, (-1,))]), x.dtype)
    P = fit.backend.to_numpy(fit.predict(grid))
    if P.shape[0] == 1:
        shade, levels = P[0], xp.linspace(0.0, 1.0, 11)
    else:
        shade, levels = xp.argmax(P, axis=0), xp.arange(P.shape[0] + 1) - 0.5
    ax.contourf(
        across,
        up,
        shade.reshape(across.shape),
        levels=levels,
        cmap="RdBu_r" if P.shape[0] == 1 else "tab10",
        alpha=0.45,
    )
    ax.scatter(x, y, c=label, cmap="RdBu_r" if P.shape[0] == 1 else "tab10", s=9, edgecolors="black", linewidths=0.3)
    ax.set(xlabel="$x_1$", ylabel="$x_2$", aspect="equal")
    return ax


def activations(
    which: Sequence[str] = ("sigmoid", "tanh", "relu", "leaky_relu"), limit: float = 5.0
) -> "Sequence[Axes]":
    """Each g(z) with its derivative g'(z)."""
    plt = _pyplot()
    xp = backend(HOST).xp
    Z = xp.reshape(xp.linspace(-limit, limit, 501), (1, -1))
    _, axes = plt.subplots(1, len(which), figsize=(3.2 * len(which), 2.8), squeeze=False, layout="constrained")
    for ax, name in zip(axes[0], which, strict=True):
        g: Callable[..., Any] = names.find("activation", name, kernels.activation)
        A, cache = g(Z)
        dZ = getattr(kernels, name + "_backward")(xp.ones_like(Z), cache)
        ax.plot(Z[0], A[0], label="a = g(z)")
        ax.plot(Z[0], dZ[0], "--", label="g'(z)")
        ax.set(title=name.replace("_", " "), xlabel="z")
        ax.axhline(0, color="grey", linewidth=0.5)
        ax.axvline(0, color="grey", linewidth=0.5)
        ax.legend(frameon=False, fontsize="small")
    return axes[0]  # type: ignore[no-any-return]


def _stretched(low: float, high: float) -> tuple[float, float]:
    margin = 0.08 * (high - low) or 1.0
    return low - margin, high + margin


def _axes(ax: "Axes | None") -> "Axes":
    return _pyplot().subplots(layout="constrained")[1] if ax is None else ax


def _pyplot() -> Any:
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise BackendUnavailable(f"plot: pictures need matplotlib; got {error}; {how_to_install('plot')}") from None
    return plt
