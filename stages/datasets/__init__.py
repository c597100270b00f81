"""Readers: one module per published format, each turning it into the one record format."""
