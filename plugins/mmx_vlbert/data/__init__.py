"""What VL-BERT reads: texts with and without images, questions with masks, answers with reasons."""
