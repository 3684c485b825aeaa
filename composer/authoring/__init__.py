"""What helps to write a spec: a first draft, the edits that fix one, a look into model files."""
