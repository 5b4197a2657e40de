"""Whole jobs over images: classify, explain, embed, report, demo."""

from zorse.jobs.classification import Classification, Prediction
from zorse.jobs.classify import Classifier, classify
from zorse.jobs.embed import Embedded, embed, embed_stream
from zorse.jobs.embeddings import Embeddings
from zorse.jobs.explain import Explained, explain

__all__ = [
    "Classification",
    "Classifier",
    "Embedded",
    "Embeddings",
    "Explained",
    "Prediction",
    "classify",
    "embed",
    "embed_stream",
    "explain",
]
