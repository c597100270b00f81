"""What is made of the scores: the table, the page and its figures, metrics and plots for DVC."""
