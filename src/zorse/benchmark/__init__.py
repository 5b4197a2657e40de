"""Measuring methods: named tasks, tuning without test classes, and the papers' claims run anew."""

from zorse.benchmark.reproduce import Agreement, claim_names, reproduce, table
from zorse.benchmark.tasks import load_task
from zorse.benchmark.tune import tune

__all__ = ["Agreement", "claim_names", "load_task", "reproduce", "table", "tune"]
