"""What people decide about written examples: sheets to fill in, and reading them back."""
