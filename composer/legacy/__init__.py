"""Models of Keras 1 and 2, rewritten as today's Keras has them."""
