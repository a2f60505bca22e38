"""The closed loop: prompts, motions, filters, judges, retargeting, training, evaluation, and harder prompts."""
