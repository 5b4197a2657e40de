"""Methods that go wrong, and one that does not, for the tests of the benchmark."""

import os
import signal
import time

import numpy as np

from zorse.core import InputError, Traits, ZeroShotClassifier


class Constant(ZeroShotClassifier):
    def __init__(self, offset=0.0, random_state=None):
        self.offset = offset
        self.random_state = random_state

    def _fit(self, X, rows, table):
        self.rows_ = np.unique(rows)

    def _scores(self, X, table):
        return X[:, :1] + table.vectors[:, 0] * self.offset


class Raises(Constant):
    def _fit(self, X, rows, table):
        raise ZeroDivisionError("by nothing")


class Refuses(Constant):
    def _fit(self, X, rows, table):
        raise InputError("wants more")


class Dies(Constant):
    def _fit(self, X, rows, table):
        os.kill(os.getpid(), signal.SIGKILL)


class Sleeps(Constant):
    def _fit(self, X, rows, table):
        time.sleep(60)


class Images(Constant):
    traits = Traits(takes="images")


class Peeks(ZeroShotClassifier):
    """Keeps what it was given without labels."""

    traits = Traits(needs_unlabelled=True)
    given: list = []  # noqa: RUF012

    def __init__(self, scale=1.0):
        self.scale = scale

    def _fit(self, X, rows, table):
        raise AssertionError

    def _fit_transductive(self, X, rows, table, unlabelled):
        type(self).given.append((X, set(table.labels), unlabelled))

    def _scores(self, X, table):
        return X[:, :1] * self.scale + np.zeros(table.n_classes)
