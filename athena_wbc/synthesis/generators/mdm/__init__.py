"""Motion diffusion: features, network, diffusion, released weights, and a small model that is trained on the spot."""
