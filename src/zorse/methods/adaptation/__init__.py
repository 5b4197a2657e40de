"""The adaptation family."""
