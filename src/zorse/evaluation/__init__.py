"""Metrics and protocols over any fitted method; a method never imports them."""

from zorse.evaluation.accuracy import mean_class_accuracy, mean_class_top_k, per_class_accuracy
from zorse.evaluation.attribute_bound import AttributeBound, pairwise_error, select_attributes, worst_case_error
from zorse.evaluation.calibration import Reliability, best_threshold_f1, fit_sigmoid, fit_temperature, reliability
from zorse.evaluation.comparison import (
    Ranking,
    class_difference,
    holm,
    permutation_test,
    rank_methods,
    signed_rank_test,
)
from zorse.evaluation.compositional import CompositionalReport, compositional_report, evaluate_compositional
from zorse.evaluation.conformal import ConformalSets, conformal_sets
from zorse.evaluation.continual import ContinualReport, class_steps, evaluate_continual
from zorse.evaluation.entities import EntityReport, evaluate_entities
from zorse.evaluation.exposure import ExposureReport, KnownClasses, clean_split, exposed, exposed_in_captions
from zorse.evaluation.faces import FaceReport, evaluate_faces, nearest_labels, poison
from zorse.evaluation.few_shot import (
    BaseToNewReport,
    FewShotReport,
    base_and_new,
    draw_shots,
    evaluate_base_to_new,
    evaluate_few_shot,
    labelled_split,
)
from zorse.evaluation.frequency import FrequencyFit, concept_frequency, frequency_fit
from zorse.evaluation.groups import group_accuracy, worst_group_accuracy
from zorse.evaluation.gzsl import GZSLReport, evaluate, harmonic_mean
from zorse.evaluation.hierarchy import (
    hierarchical_precision_at_k,
    hit_at_k,
    mean_mistake_hops,
    ranked_labels,
    super_classes,
)
from zorse.evaluation.hubness import Diagnosis, diagnose, hubness_skewness, occurrences, projection_shift
from zorse.evaluation.idealised import idealised_task
from zorse.evaluation.intervals import Interval, bootstrap_interval, paired_difference, t_interval, wilson_interval
from zorse.evaluation.long_tail import Group, LongTailReport, evaluate_long_tail, long_tail_report
from zorse.evaluation.ood import OODReport, ood_report
from zorse.evaluation.prompt_bound import PromptBound, kl_inverse, prompt_bound, token_nats
from zorse.evaluation.pseudo_labels import PseudoLabelReport, pseudo_label_report
from zorse.evaluation.seen_unseen import ausuc, seen_unseen_curve
from zorse.evaluation.streaming import TopK, top_k_streamed
from zorse.evaluation.structural_bias import (
    StructuralBias,
    StructuralErrors,
    structural_bias,
    structural_errors,
    trivial_scores,
)
from zorse.evaluation.tagging import mean_image_average_precision, precision_recall_f1_at
from zorse.evaluation.task_sequence import TaskSequenceReport, evaluate_tasks
from zorse.evaluation.verification import Verification, best_threshold, deal_pairs, verify
from zorse.evaluation.vocabulary_free import cluster_accuracy, semantic_iou

__all__ = [
    "AttributeBound",
    "BaseToNewReport",
    "CompositionalReport",
    "ConformalSets",
    "ContinualReport",
    "Diagnosis",
    "EntityReport",
    "ExposureReport",
    "FaceReport",
    "FewShotReport",
    "FrequencyFit",
    "GZSLReport",
    "Group",
    "Interval",
    "KnownClasses",
    "LongTailReport",
    "OODReport",
    "PromptBound",
    "PseudoLabelReport",
    "Ranking",
    "Reliability",
    "StructuralBias",
    "StructuralErrors",
    "TaskSequenceReport",
    "TopK",
    "Verification",
    "ausuc",
    "base_and_new",
    "best_threshold",
    "best_threshold_f1",
    "bootstrap_interval",
    "class_difference",
    "class_steps",
    "clean_split",
    "cluster_accuracy",
    "compositional_report",
    "concept_frequency",
    "conformal_sets",
    "deal_pairs",
    "diagnose",
    "draw_shots",
    "evaluate",
    "evaluate_base_to_new",
    "evaluate_compositional",
    "evaluate_continual",
    "evaluate_entities",
    "evaluate_faces",
    "evaluate_few_shot",
    "evaluate_long_tail",
    "evaluate_tasks",
    "exposed",
    "exposed_in_captions",
    "fit_sigmoid",
    "fit_temperature",
    "frequency_fit",
    "group_accuracy",
    "harmonic_mean",
    "hierarchical_precision_at_k",
    "hit_at_k",
    "holm",
    "hubness_skewness",
    "idealised_task",
    "kl_inverse",
    "labelled_split",
    "long_tail_report",
    "mean_class_accuracy",
    "mean_class_top_k",
    "mean_image_average_precision",
    "mean_mistake_hops",
    "nearest_labels",
    "occurrences",
    "ood_report",
    "paired_difference",
    "pairwise_error",
    "per_class_accuracy",
    "permutation_test",
    "poison",
    "precision_recall_f1_at",
    "projection_shift",
    "prompt_bound",
    "pseudo_label_report",
    "rank_methods",
    "ranked_labels",
    "reliability",
    "seen_unseen_curve",
    "select_attributes",
    "semantic_iou",
    "signed_rank_test",
    "structural_bias",
    "structural_errors",
    "super_classes",
    "t_interval",
    "token_nats",
    "top_k_streamed",
    "trivial_scores",
    "verify",
    "wilson_interval",
    "worst_case_error",
    "worst_group_accuracy",
]
