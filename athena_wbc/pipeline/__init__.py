"""The pipeline: what a teacher cannot do, who can, and how the stages hand it on."""
