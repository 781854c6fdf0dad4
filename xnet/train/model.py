"""Networks in safetensors files: arrays under their paths, the rest as JSON in the header.  No pickle is read."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np

from xnet import files, guards, names, trees
from xnet import layers as layers_of_xnet
from xnet.backends import HOST, Backend, backend_of
from xnet.backends import backend as find_backend
from xnet.backends.machine import how_to_install
from xnet.errors import DataError, DtypeError, ShapeError, XnetError
from xnet.layers import initializers
from xnet.layers.layer import Layer, shape_of_one
from xnet.train.costs import Cost
from xnet.train.evaluate import predict, prediction
from xnet.types import Array, Shape, Tree

Layers: TypeAlias = Mapping[str, type[Layer]]

FORMAT = 2  # 1 had the argument names that `Layer.renamed` lists
OURS: Layers = names.subclasses(layers_of_xnet, Layer)


class Trained(Protocol):
    """A network that can be saved: a Fit, or a Model."""

    @property
    def net(self) -> Layer: ...

    @property
    def params(self) -> Tree: ...

    @property
    def cost(self) -> Cost: ...
    @property
    def in_shape(self) -> Shape: ...


@dataclass(frozen=True, eq=False)
class Model:
    """A network read from a file: it can predict, and has no optimizer state."""

    net: Layer
    params: Tree = field(repr=False)
    cost: Cost
    in_shape: Shape
    classes: tuple[str, ...] | None = None
    features: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        _, out_shape = self.net.build(None, self.in_shape)
        # One output under a sigmoid has two classes.
        if self.classes is not None and len(self.classes) != max(out_shape[0], 2):
            raise ShapeError(
                f"Model: classes must name each output; got {len(self.classes)} names, out_shape={out_shape}; "
                "leave classes out, or name them in the order of the labels"
            )

    def predict(self, X: Array) -> Array:
        """Probabilities (classes, m); after mean_squared_error the outputs themselves.  X as for `Fit.predict`."""
        guards.array("predict", X=X)
        b = backend_of(next(iter(trees.leaves(self.params)), X))
        with b.here():
            X = b.asarray(X) if backend_of(X).name == HOST else X
            forward = prediction(self.net, self.cost)
            return predict(self.params, X, forward, forward)

    @property
    def dtype(self) -> str:
        return next((guards.dtype_name(W) for W in trees.leaves(self.params)), "float32")


def save(
    path: files.FilePath,
    trained: Trained,
    *,
    classes: tuple[str, ...] | None = None,
    features: tuple[str, ...] | None = None,
) -> Path:
    """Write a Fit, or a Model, to a safetensors file, whole or not at all; `load(path)` reads it anywhere.

    The optimizer's state is left out, and so is an initializer that is a function of your own: it is needed no more.
    """
    if isinstance(trained, Model):
        classes, features = classes or trained.classes, features or trained.features
    params = trees.map(lambda W: np.ascontiguousarray(backend_of(W).to_numpy(W)), trained.params)
    tensors = dict(trees.named_leaves(params))
    model = Model(trained.net, params, trained.cost, trained.in_shape, classes, features)
    header = {
        "network": _encoded("net", model.net),
        "cost": {"name": model.cost.name, "hyper": dict(model.cost.hyper)},
        "in_shape": model.in_shape,
        "classes": model.classes,
        "features": model.features,
    }
    from safetensors import numpy

    words = {name: json.dumps(value) for name, value in header.items()}
    return files.write(path, numpy.save(tensors, {"xnet": str(FORMAT), **words}))


def load(path: files.FilePath, backend: str | Backend | None = None, layers: Layers | None = None) -> Model:
    """The model in a file, on a backend.  `layers={"MyLayer": MyLayer}` names layers that are not xnet's own."""
    chosen = find_backend(backend)
    path = Path(path)
    header, tensors = files.read(path)
    version = header.get("xnet", "")
    if not version.isdecimal():
        raise DataError(
            f"{path}: must be a network saved by xnet; got tensors without one; save it with xn.save(path, fit)"
        )
    if int(version) > FORMAT:
        raise DataError(
            f"{path}: the format must be at most {FORMAT}; got format={version}, of a newer xnet; {how_to_install()}"
        )
    try:
        told = {name: json.loads(text) for name, text in header.items() if name != "xnet"}
        net = _decoded(told["network"], {**OURS, **(layers or {})})
        if not isinstance(net, Layer):
            raise DataError(f"the network must be a layer; got {net!r}; save it again")
        cost = Cost(told["cost"]["name"], dict(told["cost"]["hyper"]))
        in_shape = shape_of_one(told["in_shape"])
        classes, features = (_words(told[name]) for name in ("classes", "features"))
        model = Model(net, _checked_tensors(net, in_shape, tensors), cost, in_shape, classes, features)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
    except (XnetError, ArithmeticError, LookupError, RecursionError, TypeError, ValueError) as error:
        why = f"{type(error).__name__}: {error}"
        raise DataError(f"{path}: the header must describe the network; got {why}; save it again") from None
    return replace(model, params=trees.map(chosen.asarray, model.params))


def _checked_tensors(net: Layer, in_shape: Shape, tensors: Mapping[str, Array]) -> Tree:
    """The tensors as the tree of the network's parameters; an error if they do not fit it."""
    template, _ = net.build(None, in_shape)
    wanted = {name: tuple(W.shape) for name, W in trees.named_leaves(template)}
    got = {name: tuple(W.shape) for name, W in tensors.items()}
    for name in sorted({*wanted, *got}):
        if wanted.get(name) != got.get(name):
            shapes = f"{name}.shape={got.get(name, 'no such tensor')}, which must be {wanted.get(name, 'absent')}"
            raise DataError(f"the tensors must fit the network; got {shapes}; save it again")
    dtypes = {W.dtype.name for W in tensors.values()}
    if len(dtypes) > 1 or not all(W.dtype.kind == "f" for W in tensors.values()):
        raise DataError(f"the tensors must be of one floating type; got {', '.join(sorted(dtypes))}; save it again")
    return trees.map_named(lambda name, _: tensors[name], template)


def _words(listed: Any) -> tuple[str, ...] | None:
    return None if listed is None else tuple(map(str, listed))


def _encoded(name: str, value: Any) -> Any:
    """A layer's argument as JSON; a layer, a mapping or an initializer is an object that names its kind."""
    kind = type(value)
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Layer):
        if OURS.get(kind.__name__, kind) is not kind:
            raise DtypeError(
                f"save: a layer of your own needs a name of its own; got {kind.__module__}.{kind.__name__}"
            )
        arguments = {key: _encoded(f"{kind.__name__}.{key}", given) for key, given in value.arguments().items()}
        return {"layer": kind.__name__, "arguments": arguments}
    if isinstance(value, Mapping):
        return {"mapping": {str(key): _encoded(f"{name}.{key}", given) for key, given in value.items()}}
    if isinstance(value, list | tuple):
        return [_encoded(f"{name}[{i}]", given) for i, given in enumerate(value)]
    f, keywords = (value.func, value.keywords) if isinstance(value, partial) and not value.args else (value, {})
    known = getattr(f, "__name__", "")
    if names.public(initializers).get(known) is f:
        return {
            "initializer": known,
            "keywords": {key: _encoded(f"{name}.{key}", given) for key, given in keywords.items()},
        }
    if callable(value) and name.endswith("_init"):
        return None
    fix = "make it the forward of a Layer of your own" if callable(value) else "give the layer a field that is"
    raise DtypeError(
        f"save: a layer's arguments must be numbers, text, lists, mappings or layers; got {name} of type "
        f"{kind.__name__}; {fix}"
    )


def _decoded(value: Any, known: Layers) -> Any:
    match value:
        case {"layer": str(name), "arguments": dict(arguments)}:
            if name not in known:
                raise DataError(
                    f"the layers must be xnet's own or be given; got layer={name!r}; "
                    f"load(path, layers={{{name!r}: {name}}}) gives it"
                )
            kind = known[name]
            return kind(**{kind.renamed.get(key, key): _decoded(given, known) for key, given in arguments.items()})
        case {"initializer": str(name), "keywords": dict(keywords)}:
            f = names.find("initializer", name, initializers)
            return partial(f, **{key: _decoded(given, known) for key, given in keywords.items()}) if keywords else f
        case {"mapping": dict(values)}:
            return {key: _decoded(given, known) for key, given in values.items()}
        case dict():
            raise DataError(f"the network must be of this xnet's words; got {value!r}; {how_to_install()}")
        case list():
            return tuple(_decoded(given, known) for given in value)
    return value
