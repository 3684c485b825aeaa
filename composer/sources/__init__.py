"""Where models come from: one record a kind of source, and the walk that opens them."""
