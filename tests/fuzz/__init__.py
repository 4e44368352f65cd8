"""Files nobody would send, imported: no traceback, no row lost in silence. Run by `make fuzz`; a short part is in the suite."""
