"""From class names to class tables: labels, templates, descriptions, prompts."""

from zorse.semantics.descriptions import read_descriptions
from zorse.semantics.labels import check_labels, parse_labels, read_labels
from zorse.semantics.prompts import class_table
from zorse.semantics.templates import TEMPLATES, check_templates, read_templates

__all__ = [
    "TEMPLATES",
    "check_labels",
    "check_templates",
    "class_table",
    "parse_labels",
    "read_descriptions",
    "read_labels",
    "read_templates",
]
