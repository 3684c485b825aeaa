"""Where a linked model goes: its formats, their checks, and the move into place, all or nothing."""
