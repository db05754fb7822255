"""How the content of an artifact is shown on a page: bounded, and never able to act on the page."""
