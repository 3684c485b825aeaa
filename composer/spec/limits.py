"""How large a spec may be, with aliases and interpolations written out.

Far above what people write, and low enough that a hostile file is refused at once.
"""

MAX_BYTES = 1 << 20
# jsonschema and OmegaConf recurse: each level takes several frames of Python's stack.
MAX_DEPTH = 40
MAX_NODES = 50_000
MAX_ALIASES = 100
