"""Reference motions: clips, file formats, the resident library, built-in clips, checks."""
