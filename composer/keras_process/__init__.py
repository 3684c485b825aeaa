"""Processes that run Keras, and the TensorFlow-free functions that start them.

Only the files under ``tasks/`` import Keras, and only inside a process of their own.
"""
