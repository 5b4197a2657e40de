"""One family a sub-package, one paper a module."""
