"""Packed corpora: tens of thousands of clips as a few flat files and one Parquet table, opened in seconds."""
