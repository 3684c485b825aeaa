"""What a Keras process can do, one file a task. Only ``worker.py`` imports these files."""
