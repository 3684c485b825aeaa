"""Pages: one HTML file with a picture to walk in, every layer's details and tables to sort."""
