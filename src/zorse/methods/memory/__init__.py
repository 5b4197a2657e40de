"""Methods that look things up in an external memory of captions or images."""
