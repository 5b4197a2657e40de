"""Metrics and protocols over any fitted method; a method never imports them."""

from zorse.evaluation.accuracy import mean_class_accuracy, mean_class_top_k, per_class_accuracy
from zorse.evaluation.gzsl import GZSLReport, evaluate, harmonic_mean
from zorse.evaluation.hubness import Diagnosis, diagnose, hubness_skewness, occurrences, projection_shift
from zorse.evaluation.intervals import Interval, bootstrap_interval, paired_difference, t_interval, wilson_interval
from zorse.evaluation.seen_unseen import ausuc, seen_unseen_curve
from zorse.evaluation.streaming import TopK, top_k_streamed
from zorse.evaluation.tagging import mean_image_average_precision, precision_recall_f1_at

__all__ = [
    "Diagnosis",
    "GZSLReport",
    "Interval",
    "TopK",
    "ausuc",
    "bootstrap_interval",
    "diagnose",
    "evaluate",
    "harmonic_mean",
    "hubness_skewness",
    "mean_class_accuracy",
    "mean_class_top_k",
    "mean_image_average_precision",
    "occurrences",
    "paired_difference",
    "per_class_accuracy",
    "precision_recall_f1_at",
    "projection_shift",
    "seen_unseen_curve",
    "t_interval",
    "top_k_streamed",
    "wilson_interval",
]
