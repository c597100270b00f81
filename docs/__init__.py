"""The parts of README.md that are generated."""
