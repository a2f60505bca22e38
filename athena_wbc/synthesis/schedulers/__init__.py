"""What the next loop asks for: by rule, by a language model that chooses slots, or at random."""
