"""The compatibility family."""
