"""Documents: the files that come with an application, each kept under the SHA-256 of its bytes."""
