"""Metrics and protocols over any fitted method; a method never imports them."""

from zorse.evaluation.accuracy import mean_class_accuracy, mean_class_top_k, per_class_accuracy
from zorse.evaluation.gzsl import GZSLReport, evaluate, harmonic_mean
from zorse.evaluation.intervals import Interval, bootstrap_interval, paired_difference, t_interval, wilson_interval
from zorse.evaluation.seen_unseen import ausuc, seen_unseen_curve

__all__ = [
    "GZSLReport",
    "Interval",
    "ausuc",
    "bootstrap_interval",
    "evaluate",
    "harmonic_mean",
    "mean_class_accuracy",
    "mean_class_top_k",
    "paired_difference",
    "per_class_accuracy",
    "seen_unseen_curve",
    "t_interval",
    "wilson_interval",
]
