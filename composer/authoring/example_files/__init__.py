"""The files that ``compose init --example`` writes; ``make_models.py`` made the two models."""
