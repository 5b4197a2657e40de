"""The gating family."""
