"""Models as graphs: configs, the order of Keras, where weights belong and what layers hold."""
