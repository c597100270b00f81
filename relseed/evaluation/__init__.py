"""Scores of predictions: micro-F1, SemEval's official macro-F1, intervals, trivial baselines."""
