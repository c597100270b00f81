"""The library: what the stages share, installed as a package of this name."""
