"""Saved networks load on every backend, wrong files give an error in one line, and no file is half written."""

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from backends import Bench
from marks import needs_dev_full, needs_links
from safetensors.numpy import save as safetensors_bytes

import xnet as xn
from xnet import files, trees
from xnet.errors import DataError, DtypeError, ShapeError, UnknownNameError, XnetError
from xnet.layers import Activation, Dense, Flatten, Layer, initializers
from xnet.types import Array, Shape, Tree


def trained(net: Layer | None = None, backend: str = "numpy", features: int = 4) -> xn.Fit:
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(features, 30)).astype("float32"), np.arange(30)[None, :] % 3
    net = net or xn.Network([Dense(5, "relu"), Dense(3)])
    return xn.fit(net, X, Y, epochs=1, backend=backend, progress=False)


X = np.random.default_rng(1).normal(size=(4, 7)).astype("float32")


@dataclass(frozen=True, repr=False)
class Scale(Layer):
    """A layer of a user's own."""

    by: float = 2.0
    function: Callable[[Array], Array] | None = None

    def build(self, key: Array | None, in_shape: Shape) -> tuple[Tree, Shape]:
        return {}, in_shape

    def forward(self, params: Tree, X: Array) -> tuple[Array, Any]:
        return self.by * X, None

    def backward(self, params: Tree, dY: Array, cache: Any) -> tuple[Array, Tree]:
        return self.by * dY, {}


def own_initializer(key: Array, shape: Shape) -> Array:
    return initializers.he(key, shape)


NETS: Sequence[Layer] = (
    xn.Network([Dense(3)]),
    Dense(3, "tanh", kernel_init="orthogonal"),
    xn.Network([Flatten(), Dense(5, kernel_init=initializers.he), Activation("leaky_relu", {"slope": 0.2}), Dense(3)]),
    xn.Network([xn.Network([Dense(5, "relu"), xn.Network([Dense(6)])]), Activation("silu"), Dense(3)]),
)


@pytest.mark.parametrize("net", NETS, ids=["a row", "one layer", "functions", "nested"])
def test_a_network_comes_back_as_it_was(net: Layer, tmp_path: Path) -> None:
    fit = trained(net)
    path = xn.save(tmp_path / "net.safetensors", fit, classes=("a", "b", "c"), features=("p", "q", "r", "s"))
    model = xn.load(path, backend="numpy")
    assert (model.net, model.cost, model.in_shape) == (net, fit.cost, (4,))
    assert (model.classes, model.features, model.dtype) == (("a", "b", "c"), ("p", "q", "r", "s"), "float32")
    assert dict(trees.named_leaves(model.params)).keys() == dict(trees.named_leaves(fit.params)).keys()
    np.testing.assert_array_equal(model.predict(X), fit.predict(X))


def test_it_loads_on_every_backend(xb: Bench, tmp_path: Path) -> None:
    """Trained on one, loaded on another, and saved from there again."""
    fit = trained()
    path = xn.save(tmp_path / "net", fit)
    model = xn.load(path, backend=xb.backend)
    assert all(xb.backend.owns(W) for W in trees.leaves(model.params))
    again = xn.load(xn.save(tmp_path / "again", model), backend="numpy")
    np.testing.assert_array_equal(again.predict(X), fit.predict(X))
    np.testing.assert_allclose(xb.to_numpy(model.predict(X)), fit.predict(X), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(xb.to_numpy(model.predict(xb.asarray(X))), fit.predict(X), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_the_type_stays(dtype: str, tmp_path: Path) -> None:
    net = NETS[0]
    params = net.init((4,), dtype=dtype, backend="numpy")
    params[0]["W"] = np.asfortranarray(params[0]["W"])
    model = xn.Model(net, params, xn.Cost("mean_squared_error"), (4,))
    loaded = xn.load(xn.save(tmp_path / "net", model), backend="numpy")
    assert loaded.dtype == dtype
    np.testing.assert_array_equal(loaded.params[0]["W"], params[0]["W"])


def test_the_cost_comes_back_with_its_hyper_parameters(tmp_path: Path) -> None:
    cost = xn.Cost("softmax_cross_entropy", {"smoothing": 0.1})
    model = xn.Model(NETS[0], NETS[0].init((4,), backend="numpy"), cost, (4,))
    assert xn.load(xn.save(tmp_path / "net", model)).cost == cost


def test_initializers_come_back_by_name_and_own_ones_are_left_out(tmp_path: Path) -> None:
    given = (initializers.he, partial(initializers.normal, scale=0.5), own_initializer, "xavier")
    net = xn.Network([Dense(3, kernel_init=init) for init in given])
    model = xn.load(xn.save(tmp_path / "net", trained(net)), backend="numpy")
    he, normal, own, xavier = (layer.arguments()["kernel_init"] for layer in model.net.layers)  # type: ignore[attr-defined]
    assert (he, own, xavier) == (initializers.he, None, "xavier")
    assert (normal.func, normal.keywords) == (initializers.normal, {"scale": 0.5})


def test_images_keep_their_shape(tmp_path: Path) -> None:
    net = xn.Network([Flatten(), Dense(3)])
    fit = xn.fit(net, np.ones((1, 2, 2, 3), "float32"), np.asarray([[0, 1, 2]]), epochs=1, backend="numpy")
    assert xn.load(xn.save(tmp_path / "net", fit)).in_shape == (1, 2, 2)


FORMAT_1 = {
    "xnet": "1",
    "network": '{"layer": "Network", "arguments": {"layers": [{"layer": "Flatten", "arguments": {}}, '
    '{"layer": "Dense", "arguments": {"units": 2, "activation": "tanh", "init": {"initializer": "he", '
    '"keywords": {}}}}, {"layer": "Activation", "arguments": {"name": "elu", "hyper": {"mapping": {"alpha": 0.5}}}}, '
    '{"layer": "Dense", "arguments": {"units": 3, "activation": null, "init": "lecun"}}]}}',
    "in_shape": "[2]",
    "features": "null",
    "classes": "null",
    "cost": '{"name": "softmax_cross_entropy", "hyper": {"smoothing": 0.1}}',
}


def test_a_file_of_the_first_format_is_read(tmp_path: Path) -> None:
    net = xn.Network(
        [Flatten(), Dense(2, "tanh", initializers.he), Activation("elu", alpha=0.5), Dense(3, kernel_init="lecun")]
    )
    params = net.init(2, backend="numpy")
    path = tmp_path / "old.safetensors"
    path.write_bytes(safetensors_bytes(dict(trees.named_leaves(params)), FORMAT_1))
    model = xn.load(path, backend="numpy")
    assert (model.net, model.cost) == (net, xn.Cost("softmax_cross_entropy", smoothing=0.1))
    np.testing.assert_array_equal(model.params[3]["W"], params[3]["W"])
    assert header(xn.save(path, model))["xnet"] == "2"


def test_own_layers_are_given_to_load(tmp_path: Path) -> None:
    fit = trained(xn.Network([Scale(3.0), Dense(3)]))
    path = xn.save(tmp_path / "net", fit)
    np.testing.assert_array_equal(xn.load(path, "numpy", layers={"Scale": Scale}).predict(X), fit.predict(X))
    with pytest.raises(DataError, match=r"got layer='Scale'; load\(path, layers=\{'Scale': Scale\}\) gives it"):
        xn.load(path)


def test_what_cannot_be_saved_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DtypeError, match=r"got Scale\.function of type function"):
        xn.save(tmp_path / "net", trained(xn.Network([Scale(function=lambda x: x), Dense(3)])))
    namesake = type("Dense", (Scale,), {})
    with pytest.raises(DtypeError, match="a layer of your own needs a name of its own"):
        xn.save(tmp_path / "net", trained(xn.Network([namesake(), Dense(3)])))
    with pytest.raises(ShapeError, match="classes must name each output; got 2 names"):
        xn.save(tmp_path / "net", trained(), classes=("a", "b"))
    assert list(tmp_path.iterdir()) == []


# Files that are wrong


def header(path: Path) -> dict[str, str]:
    size = int.from_bytes(path.read_bytes()[:8], "little")
    words: dict[str, str] = json.loads(path.read_bytes()[8 : 8 + size])["__metadata__"]
    return words


def rewritten(path: Path, tensors: dict[str, Any] | None = None, **changes: str | None) -> None:
    words = {name: text for name, text in (header(path) | changes).items() if text is not None}
    host = dict(trees.named_leaves(trained().params)) if tensors is None else tensors
    path.write_bytes(safetensors_bytes(host, words))


def layer(kind: str, **arguments: Any) -> str:
    return json.dumps({"layer": kind, "arguments": arguments})


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def nested(path: Path) -> None:
    rewritten(path, network="[" * 100_000 + "]" * 100_000)


WRONG: list[tuple[str, Callable[[Path], object], str]] = [
    ("missing", lambda path: path.unlink(), "the file must exist"),
    ("cut short", cut, "must be a whole safetensors file"),
    ("cut in the header", lambda path: path.write_bytes(path.read_bytes()[:30]), "must be a whole safetensors file"),
    ("empty", lambda path: path.write_bytes(b""), "must be a whole safetensors file"),
    ("another format", lambda path: path.write_bytes(b"\x80\x04pickle" * 99), "must be a whole safetensors file"),
    ("a folder", folder, "got a folder"),
    ("not of xnet", lambda path: rewritten(path, xnet=None), "must be a network saved by xnet"),
    (
        "newer",
        lambda path: rewritten(path, xnet="3"),
        "format must be at most 2; got format=3, of a newer xnet; git pull && pip install . in xnet",
    ),
    ("no JSON", lambda path: rewritten(path, network="{"), "JSONDecodeError"),
    ("too deep", nested, "the header must describe the network"),
    ("no network", lambda path: rewritten(path, network=None), "KeyError: 'network'"),
    ("not a layer", lambda path: rewritten(path, network="3"), "the network must be a layer; got 3"),
    ("no such layer", lambda path: rewritten(path, network=layer("eval")), "got layer='eval'"),
    ("no layer of ours", lambda path: rewritten(path, network=layer("Layer")), "got layer='Layer'"),
    ("no such word", lambda path: rewritten(path, network='{"python": "1"}'), "of this xnet's words"),
    ("no such argument", lambda path: rewritten(path, network=layer("Dense", size=3)), "TypeError"),
    ("no such activation", lambda path: rewritten(path, network=layer("Dense", units=3, activation="x")), "activation"),
    ("absurd units", lambda path: rewritten(path, network=layer("Dense", units=10**30)), "must describe the network"),
    ("no such cost", lambda path: rewritten(path, cost='{"name": "x", "hyper": {}}'), "cost"),
    ("cost without words", lambda path: rewritten(path, cost="3"), "TypeError"),
    ("wrong in_shape", lambda path: rewritten(path, in_shape="[7]"), r"got 0.W.shape=\(5, 4\), which must be \(5, 7\)"),
    ("wrong classes", lambda path: rewritten(path, classes='["a"]'), "classes must name each output"),
    ("a tensor gone", lambda path: rewritten(path, {}), "got 0.W.shape=no such tensor"),
    (
        "a tensor too many",
        lambda path: rewritten(path, dict(trees.named_leaves(trained().params)) | {"x": X}),
        "must be absent",
    ),
    (
        "integers",
        lambda path: rewritten(path, {name: W.astype("int32") for name, W in trees.named_leaves(trained().params)}),
        "one floating type; got int32",
    ),
]


@pytest.mark.parametrize(("spoil", "says"), [(spoil, says) for _, spoil, says in WRONG], ids=[row[0] for row in WRONG])
def test_a_wrong_file_is_reported_in_one_line(spoil: Callable[[Path], object], says: str, tmp_path: Path) -> None:
    path = xn.save(tmp_path / "net.safetensors", trained())
    xn.load(path)
    spoil(path)
    with pytest.raises(DataError, match=says) as caught:
        xn.load(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_an_unknown_backend_is_reported_before_the_file_is_read() -> None:
    with pytest.raises(UnknownNameError):
        xn.load("nothing", backend="nunpy")


# Writing


def test_an_old_file_stays_whole_when_the_new_one_cannot_be_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = xn.save(tmp_path / "net", trained())
    before = path.read_bytes()

    def fails(_: int) -> None:
        raise OSError(28, "No space left on device")

    def interrupted(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(DataError, match="net: the file must be writable; got No space left on device"):
        xn.save(path, trained(xn.Network([Dense(3)])))
    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        xn.save(path, trained(xn.Network([Dense(3)])))
    assert (path.read_bytes(), list(tmp_path.iterdir())) == (before, [path])


@needs_links
def test_a_link_stays_a_link(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_bytes(b"old")
    link.symlink_to(target)
    xn.save(link, trained())
    assert link.is_symlink()
    assert xn.load(target).in_shape == (4,)


@pytest.mark.parametrize("place", ["no/such/folder/net", ".", "file/net"])
def test_where_no_file_can_be_written(place: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"must (be writable|exist); got "):
        xn.save(tmp_path / place, trained())
    with pytest.raises(XnetError, match=r"must (be writable|exist); got "):
        files.check_writable(tmp_path / place)


@needs_dev_full
def test_a_full_device_is_reported_and_stays_a_device() -> None:
    with pytest.raises(DataError, match="/dev/full: the file must be writable; got No space left on device"):
        xn.save("/dev/full", trained())
    assert not Path("/dev/full").is_file()
