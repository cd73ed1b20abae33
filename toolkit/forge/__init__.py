"""Read GitHub: files by raw download, the rest by the REST API; answers are cached with their ETags."""
