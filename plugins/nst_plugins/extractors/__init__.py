"""Built-in extractors, one a file."""
