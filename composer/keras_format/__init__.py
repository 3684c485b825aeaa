"""Model files as data: archives, weights, configs, and the one graph that all become."""
