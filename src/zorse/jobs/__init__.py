"""Whole jobs over images: classify, embed, report, demo."""

from zorse.jobs.classification import Classification, Prediction
from zorse.jobs.classify import Classifier, classify
from zorse.jobs.embed import Embedded, embed, embed_stream
from zorse.jobs.embeddings import Embeddings

__all__ = ["Classification", "Classifier", "Embedded", "Embeddings", "Prediction", "classify", "embed", "embed_stream"]
