"""What a method takes as X, read as its traits say."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.validation import validate_data

from zorse.core.errors import InputError

_PLACES = {2: ("row", "column"), 4: ("sample", "grid row", "grid column", "feature")}


def read_samples(model: Any, X, y="no_validation", *, name: str = "X", reset: bool = False):
    """X, or X and y, for a method whose ``traits.takes`` is "features" or "patches".

    Parameters
    ----------
    model : ZeroShotMethod
        Its ``n_features_in_``, the length d of a feature, is set (``reset``) or compared with.
    X : array-like, which messages call ``name``
        Features (n, d), returned as float64; or grids of patches (n, gh, gw, d), as a PatchEncoder gives them, float32.

    Raises
    ------
    InputError
        If X is no grid of patches where one is asked for, or a value is not finite; it says where.
    """
    options: dict[str, Any] = {"dtype": np.float64}
    if grid := model.traits.takes == "patches":
        options = {"dtype": np.float32, "ensure_2d": False, "allow_nd": True}
        _check_grid(model, np.shape(X), name, reset)
    read = validate_data(model, X, y, reset=reset, ensure_all_finite=False, **options)
    X = read[0] if isinstance(read, tuple) else read
    check_finite(X, name)
    if grid and reset:
        model.n_features_in_ = X.shape[-1]
    return read


def _check_grid(model: Any, shape: tuple[int, ...], name: str, reset: bool) -> None:
    method = type(model).__name__
    if len(shape) != 4 or 0 in shape[1:]:
        raise InputError(
            f"{method} takes grids of patches (n, grid_h, grid_w, d), as a PatchEncoder gives them; "
            f"{name} has shape {shape}"
        )
    if not reset and shape[-1] != model.n_features_in_:
        raise InputError(f"{name} has {shape[-1]} features a patch; {method} is expecting {model.n_features_in_}")


def check_finite(X: np.ndarray, name: str) -> None:
    """Raise InputError that says where in X, which messages call ``name``, NaN or infinity stands."""
    # One pass without a mask; a sum that overflows is settled by the second.
    if not np.isfinite(X.sum()) and len(bad := np.argwhere(~np.isfinite(X))):
        kind = "NaN" if np.isnan(X[tuple(bad[0])]) else "inf"
        where = ", ".join(f"{place} {i}" for place, i in zip(_PLACES[X.ndim], bad[0], strict=True))
        more = f" and {len(bad) - 1} more" if len(bad) > 1 else ""
        raise InputError(f"{name} contains {kind} at {where}{more}; expected finite numbers")
