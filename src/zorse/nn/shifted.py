"""Symmetric systems that differ in a multiple of the identity, solved from one reduction."""

from __future__ import annotations

import numpy as np
from scipy.linalg import lapack


class ShiftedSystems:
    """Solutions of (scale G + shift I) W = B for a positive semi-definite G (d, d) and many shifts above 0.

    G = Q T Q^T with T tridiagonal costs a third of an eigendecomposition; a further shift costs O(d) a column, and
    going back O(d^2). Q is kept as the reflections that make it up.

    Parameters
    ----------
    G : ndarray of shape (d, d)
        Only its lower half is read; it is overwritten.
    """

    def __init__(self, G: np.ndarray):
        d = len(G)
        lwork = int(lapack.dsytrd_lwork(d, lower=1)[0])
        # The transpose of a C-contiguous symmetric matrix is itself, in the order that LAPACK wants.
        reduced, self.diagonal, self.off, self._tau, _ = lapack.dsytrd(G.T, lower=1, lwork=lwork, overwrite_a=1)
        self._reflections = np.asfortranarray(reduced[1:, :-1])

    def rotated(self, B: np.ndarray) -> np.ndarray:
        """Q^T B of shape (d, m)."""
        return self._apply(B, "T")

    def back(self, Z: np.ndarray) -> np.ndarray:
        """Q Z of shape (d, m)."""
        return self._apply(Z, "N")

    def solve_rotated(self, Z: np.ndarray, shift: float, scale: float = 1.0) -> np.ndarray:
        """(scale T + shift I)^-1 Z of shape (d, m); with Z = Q^T B it is Q^T W."""
        if len(Z) == 1:
            return Z / (scale * self.diagonal + shift)
        *_, W, info = lapack.dptsv(scale * self.diagonal + shift, scale * self.off, Z)
        if info:
            raise np.linalg.LinAlgError(f"the system with shift {shift} is not positive definite")
        return W

    def _apply(self, B: np.ndarray, trans: str) -> np.ndarray:
        B = np.array(B, order="F")
        if len(B) > 1 and B.size:
            lwork = int(lapack.dormqr("L", trans, self._reflections, self._tau, B[1:], -1)[1][0])
            B[1:] = lapack.dormqr("L", trans, self._reflections, self._tau, B[1:], lwork)[0]
        return B
