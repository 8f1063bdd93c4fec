"""What each modality gives to a judgement."""
