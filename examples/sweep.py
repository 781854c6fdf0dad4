"""C25.  Which hyper-parameters?  Try them: a grid, and a random search, with scikit-learn's own tools."""

import sys

from scipy.stats import loguniform
from sklearn.model_selection import ParameterGrid, ParameterSampler

import xnet as xn

quick = "--quick" in sys.argv
(X, Y), valid = xn.data.split(*xn.data.digits(), test=0.25)


def accuracy(lr: float, units: int, depth: int, activation: str, batch_size: int, l2: float) -> float:
    net = xn.Network([*(xn.Dense(units, activation) for _ in range(depth)), xn.Dense(10)])
    fit = xn.fit(net, X, Y, optimizer=xn.Adam(lr), epochs=2 if quick else 20, batch_size=batch_size, l2=l2)
    return fit.evaluate(*valid)["accuracy"]


fixed = {"depth": 1, "batch_size": 64, "l2": 0.0}
grid = ParameterGrid({"lr": [1e-4, 1e-3, 1e-2], "units": [16, 64], "activation": ["relu", "tanh"]})
random = ParameterSampler(
    {
        "lr": loguniform(1e-4, 1e-1),
        "units": [16, 32, 64, 128],
        "depth": [1, 2, 3],
        "activation": ["relu", "tanh"],
        "batch_size": [32, 64, 128],
        "l2": loguniform(1e-6, 1e-2),
    },
    n_iter=3 if quick else 12,
    random_state=0,
)
tried = [{**fixed, **choice} for choice in (*(list(grid)[:3] if quick else grid), *random)]
for score, choice in sorted(((accuracy(**choice), choice) for choice in tried), key=lambda pair: -pair[0])[:10]:
    print(f"{score:.1%}", {name: float(f"{v:.2g}") if isinstance(v, float) else v for name, v in choice.items()})
