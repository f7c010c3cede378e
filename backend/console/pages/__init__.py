"""One module a page; each has a `router` that `console.routes` collects."""
