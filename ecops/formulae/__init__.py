"""The arithmetic of the duties: pure, over columns of frames, one noun a file; each function names its source."""
