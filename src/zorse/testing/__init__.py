"""The contract of a method, as checks that anyone can run on their own class."""

from zorse.testing.checks import contract_of, examples_of

__all__ = ["contract_of", "examples_of"]
