"""Learning: PPO with auxiliary losses, smoothness regularisers, checkpoints and the training loop."""
