"""Metrics and protocols over any fitted method; a method never imports them."""

from zorse.evaluation.accuracy import mean_class_accuracy, mean_class_top_k, per_class_accuracy
from zorse.evaluation.comparison import (
    Ranking,
    class_difference,
    holm,
    permutation_test,
    rank_methods,
    signed_rank_test,
)
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
    "Ranking",
    "TopK",
    "ausuc",
    "bootstrap_interval",
    "class_difference",
    "diagnose",
    "evaluate",
    "harmonic_mean",
    "holm",
    "hubness_skewness",
    "mean_class_accuracy",
    "mean_class_top_k",
    "mean_image_average_precision",
    "occurrences",
    "paired_difference",
    "per_class_accuracy",
    "permutation_test",
    "precision_recall_f1_at",
    "projection_shift",
    "rank_methods",
    "seen_unseen_curve",
    "signed_rank_test",
    "t_interval",
    "top_k_streamed",
    "wilson_interval",
]
