"""What all trainings share: device, batches, dropout, encoders, resuming."""
