"""Pre-training of the encoder on explanations (TKRE): its corpus, its masks, its two losses, its loop."""
