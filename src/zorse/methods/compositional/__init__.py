"""Methods that name an attribute and an object together."""
