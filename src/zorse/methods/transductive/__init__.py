"""The transductive family."""
