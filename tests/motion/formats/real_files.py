"""Whose the folders of real motions are, so that no file there goes unread by oversight.

`robot` motions are listed by `test_real_robot_files.py`, `human` ones by the tests of the human formats, `both` by each
for the files that are theirs.
"""

from __future__ import annotations

OWNERS = {
    "aistpp_smpl": "human",
    "amp_poselib_npy": "robot",
    "asap_g1_23dof": "robot",
    "asap_smpl": "human",
    "bvh_animated_drawings": "human",
    "bvh_edge_cases": "human",
    "bvh_toolbox": "human",
    "c3d_ktk": "human",
    "c3d_trc": "human",
    "cmu_bvh_asf_amc": "human",
    "deepmimic_human": "human",
    "g1_moves": "robot",
    "holosoma": "both",
    "humanml3d_sample": "human",
    "kimodo_g1": "robot",
    "loco_mujoco_mini": "robot",
    "protomotions_kimodo": "robot",
    "tienkung_txt": "robot",
    "unitree_beyondmimic_csv": "robot",
}
"""Folder -> robot, human, both, or none."""

NOTES = ("PROVENANCE.md", "UPSTREAM_LICENSE*", "DATASET_CARD.md")
"""Patterns of files that describe others."""
