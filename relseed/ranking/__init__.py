"""Ranking candidates for one entity tuple by an index of several criteria (AmalREC's SEI), and blending the best."""
