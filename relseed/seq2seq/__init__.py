"""Fine-tuning encoder-decoder models to write a sentence about an entity tuple."""
