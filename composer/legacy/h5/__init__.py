"""Whole models in HDF5, as Keras 1.2 to 2.15 and ``model.save("a.h5")`` of Keras 3 write them."""
