"""Us and the named peer on the same input."""
