"""What is made of the scores: the table, the pages and their figures, metrics and plots for DVC."""
