"""The MuJoCo shell around the tracking task: scene, batched physics, the environment."""
