"""Methods that reason over a knowledge graph."""
