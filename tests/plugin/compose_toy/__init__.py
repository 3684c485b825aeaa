"""Models in a toy format: a JSON file with dense layers and their weights."""
