"""Pictures of models: what goes in, how repetition is folded, and the forms it is drawn in."""
