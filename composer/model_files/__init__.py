"""A model file whichever Keras wrote it: opened, taken as one layer, or given other weights."""
