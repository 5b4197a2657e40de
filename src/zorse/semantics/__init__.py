"""From class names to class tables: labels, templates, descriptions, prompts."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zorse.semantics.contexts import CONTEXTS as CONTEXTS
    from zorse.semantics.descriptions import read_descriptions as read_descriptions
    from zorse.semantics.descriptions import spoken as spoken
    from zorse.semantics.gaze import gaze_grid as gaze_grid
    from zorse.semantics.gaze import gaze_histogram as gaze_histogram
    from zorse.semantics.gaze import gaze_sequence as gaze_sequence
    from zorse.semantics.gaze import gaze_table as gaze_table
    from zorse.semantics.hierarchy import hierarchy_graph as hierarchy_graph
    from zorse.semantics.imagenet import imagenet_label_sets as imagenet_label_sets
    from zorse.semantics.imagenet import read_counts as read_counts
    from zorse.semantics.imagenet import read_wnids as read_wnids
    from zorse.semantics.knowledge_graph import attribute_view as attribute_view
    from zorse.semantics.knowledge_graph import knowledge_graph_embedding as knowledge_graph_embedding
    from zorse.semantics.labels import check_labels as check_labels
    from zorse.semantics.labels import parse_labels as parse_labels
    from zorse.semantics.labels import read_labels as read_labels
    from zorse.semantics.memory import Memory as Memory
    from zorse.semantics.ontology import ontology_embedding as ontology_embedding
    from zorse.semantics.prompts import class_prompts as class_prompts
    from zorse.semantics.prompts import class_table as class_table
    from zorse.semantics.random_words import random_descriptors as random_descriptors
    from zorse.semantics.subclasses import difference_table as difference_table
    from zorse.semantics.subclasses import insight_table as insight_table
    from zorse.semantics.subclasses import subclass_table as subclass_table
    from zorse.semantics.taxonomy import taxonomy_table as taxonomy_table
    from zorse.semantics.templates import TEMPLATES as TEMPLATES
    from zorse.semantics.templates import check_templates as check_templates
    from zorse.semantics.templates import read_templates as read_templates
    from zorse.semantics.tree import LabelTree as LabelTree
    from zorse.semantics.tree import read_tree as read_tree
    from zorse.semantics.wordnet import Synset as Synset
    from zorse.semantics.wordnet import WordNet as WordNet

_HOME = {
    "Memory": "memory",
    "CONTEXTS": "contexts",
    "random_descriptors": "random_words",
    "subclass_table": "subclasses",
    "difference_table": "subclasses",
    "insight_table": "subclasses",
    "spoken": "descriptions",
    "LabelTree": "tree",
    "read_tree": "tree",
    "Synset": "wordnet",
    "TEMPLATES": "templates",
    "WordNet": "wordnet",
    "attribute_view": "knowledge_graph",
    "check_labels": "labels",
    "check_templates": "templates",
    "class_prompts": "prompts",
    "class_table": "prompts",
    "hierarchy_graph": "hierarchy",
    "gaze_grid": "gaze",
    "gaze_histogram": "gaze",
    "gaze_sequence": "gaze",
    "gaze_table": "gaze",
    "imagenet_label_sets": "imagenet",
    "knowledge_graph_embedding": "knowledge_graph",
    "ontology_embedding": "ontology",
    "parse_labels": "labels",
    "read_counts": "imagenet",
    "read_descriptions": "descriptions",
    "read_labels": "labels",
    "read_wnids": "imagenet",
    "taxonomy_table": "taxonomy",
    "read_templates": "templates",
}
__all__ = sorted(_HOME)


def __getattr__(name: str):
    # Lazy: the command line refuses bad labels without paying for torch.
    if name in _HOME:
        return getattr(import_module(f"zorse.semantics.{_HOME[name]}"), name)
    raise AttributeError(f"module 'zorse.semantics' has no attribute {name!r}")
