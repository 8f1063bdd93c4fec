"""NCE and MIL-NCE between modalities, and the loss of fine-tuning."""
