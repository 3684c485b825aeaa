"""Lock files: what a spec was resolved to, down to the bytes, so that a change shows."""
