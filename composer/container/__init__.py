"""The bytes of model files: zip archives, HDF5, copying and digests; nothing of graphs."""
