"""What every stage needs to be a stage: parameters, outputs, progress, errors."""
