"""The CLAIMS loop: prompts from a taxonomy, motions from text, filters, judges, training, and harder prompts.

After "Iterative Closed-Loop Motion Synthesis for Scaling the Capabilities of Humanoid Control".
"""
