"""Generation interleaved with assessment and refinement.

After the paradigm of "IRG-MotionLLM": a motion is shown, assessed and improved in turns. Here any generator and any
judge take part, and what may be done about a fault is a closed set.
"""
