"""Figures of the Unitree G1 as mjlab 1.6.0 has it (its `unitree_g1` in the asset zoo), read there with MuJoCo.

Poses are what MuJoCo's kinematics gives on that model; angles in rad, lengths in m, quaternions scalar last.
"""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Pose:
    """A configuration, and where the source model has its key bodies."""

    root_pos: list[float]
    root_quat: list[float]
    """Not normalised: three decimals."""
    joint_pos: list[float]
    body_pos: dict[str, list[float]]
    body_quat: dict[str, list[float]]


MASS = {
    "pelvis": 3.813,
    "left_hip_pitch_link": 1.35,
    "left_hip_roll_link": 1.52,
    "left_hip_yaw_link": 1.702,
    "left_knee_link": 1.932,
    "left_ankle_pitch_link": 0.074,
    "left_ankle_roll_link": 0.608,
    "right_hip_pitch_link": 1.35,
    "right_hip_roll_link": 1.52,
    "right_hip_yaw_link": 1.702,
    "right_knee_link": 1.932,
    "right_ankle_pitch_link": 0.074,
    "right_ankle_roll_link": 0.608,
    "waist_yaw_link": 0.214,
    "waist_roll_link": 0.086,
    "torso_link": 7.818,
    "left_shoulder_pitch_link": 0.718,
    "left_shoulder_roll_link": 0.643,
    "left_shoulder_yaw_link": 0.734,
    "left_elbow_link": 0.6,
    "left_wrist_roll_link": 0.085445,
    "left_wrist_pitch_link": 0.48405,
    "left_wrist_yaw_link": 0.254576,
    "right_shoulder_pitch_link": 0.718,
    "right_shoulder_roll_link": 0.643,
    "right_shoulder_yaw_link": 0.734,
    "right_elbow_link": 0.6,
    "right_wrist_roll_link": 0.085445,
    "right_wrist_pitch_link": 0.48405,
    "right_wrist_yaw_link": 0.254576,
}
"""kg."""

INERTIA = {
    "pelvis": ([0.0, 0.0, -0.07605], [0.010549, 0.0093089, 0.0079184]),
    "left_hip_yaw_link": ([-0.057709, -0.010981, -0.15078], [0.00776166, 0.00717575, 0.00160139]),
    "left_knee_link": ([0.005457, 0.003964, -0.12074], [0.0113804, 0.0112778, 0.00146458]),
    "right_knee_link": ([0.005457, -0.003964, -0.12074], [0.011374, 0.0112843, 0.00146452]),
    "left_ankle_roll_link": ([0.026505, 0.0, -0.016425], [0.00167218, 0.0016161, 0.000217621]),
    "torso_link": ([0.00203158, 0.000339683, 0.184568], [0.121847, 0.109825, 0.0273735]),
    "right_elbow_link": ([0.064956, -0.004454, -0.010062], [0.000443035, 0.000421612, 0.000259353]),
    "left_wrist_yaw_link": ([0.0708244, 0.000191745, 0.00161742], [0.000646113, 0.000559993, 0.000147566]),
}
"""Centre of mass in the body frame, and principal moments, kg m^2."""

RANGE = {
    "left_hip_pitch_joint": (-2.5307, 2.8798),
    "left_hip_roll_joint": (-0.5236, 2.9671),
    "left_hip_yaw_joint": (-2.7576, 2.7576),
    "left_knee_joint": (-0.087267, 2.8798),
    "left_ankle_pitch_joint": (-0.87267, 0.5236),
    "left_ankle_roll_joint": (-0.2618, 0.2618),
    "right_hip_pitch_joint": (-2.5307, 2.8798),
    "right_hip_roll_joint": (-2.9671, 0.5236),
    "right_hip_yaw_joint": (-2.7576, 2.7576),
    "right_knee_joint": (-0.087267, 2.8798),
    "right_ankle_pitch_joint": (-0.87267, 0.5236),
    "right_ankle_roll_joint": (-0.2618, 0.2618),
    "waist_yaw_joint": (-2.618, 2.618),
    "waist_roll_joint": (-0.52, 0.52),
    "waist_pitch_joint": (-0.52, 0.52),
    "left_shoulder_pitch_joint": (-3.0892, 2.6704),
    "left_shoulder_roll_joint": (-1.5882, 2.2515),
    "left_shoulder_yaw_joint": (-2.618, 2.618),
    "left_elbow_joint": (-1.0472, 2.0944),
    "left_wrist_roll_joint": (-1.97222, 1.97222),
    "left_wrist_pitch_joint": (-1.61443, 1.61443),
    "left_wrist_yaw_joint": (-1.61443, 1.61443),
    "right_shoulder_pitch_joint": (-3.0892, 2.6704),
    "right_shoulder_roll_joint": (-2.2515, 1.5882),
    "right_shoulder_yaw_joint": (-2.618, 2.618),
    "right_elbow_joint": (-1.0472, 2.0944),
    "right_wrist_roll_joint": (-1.97222, 1.97222),
    "right_wrist_pitch_joint": (-1.61443, 1.61443),
    "right_wrist_yaw_joint": (-1.61443, 1.61443),
}
"""rad; in the order of the model."""

AXIS = {"pitch": [0, 1, 0], "roll": [1, 0, 0], "yaw": [0, 0, 1], "knee": [0, 1, 0], "elbow": [0, 1, 0]}
"""By the last part of a joint's name."""

POSES = [
    Pose(
        root_pos=[-0.83, -0.53, 0.9],
        root_quat=[-0.21, -0.1, -0.936, -0.263],
        joint_pos=[
            -1.67,
            2.04,
            -2.13,
            1.07,
            -0.15,
            -0.04,
            0.64,
            -0.39,
            2.52,
            0.76,
            0.03,
            0.1,
            -1.09,
            -0.52,
            0.49,
            -1.37,
            -0.38,
            2.05,
            0.79,
            -0.11,
            0.88,
            -1.52,
            0.98,
            -0.81,
            -2.14,
            1.03,
            1.7,
            -0.95,
            0.42,
        ],
        body_pos={
            "pelvis": [-0.83, -0.53, 0.9],
            "left_hip_roll_link": [-0.950378, -0.619447, 0.856124],
            "left_knee_link": [-0.893303, -0.929894, 0.869063],
            "left_ankle_roll_link": [-0.61103, -1.069173, 0.828391],
            "right_hip_roll_link": [-0.820158, -0.451489, 0.745745],
            "right_knee_link": [-0.843924, -0.361919, 0.44195],
            "right_ankle_roll_link": [-0.94093, -0.12972, 0.248255],
            "torso_link": [-0.810542, -0.530559, 0.939658],
            "left_shoulder_roll_link": [-0.954441, -0.367183, 1.132399],
            "left_elbow_link": [-0.860734, -0.27973, 0.999035],
            "left_wrist_yaw_link": [-0.837503, -0.194772, 0.849751],
            "right_shoulder_roll_link": [-0.68022, -0.400332, 1.159484],
            "right_elbow_link": [-0.56094, -0.534465, 1.204054],
            "right_wrist_yaw_link": [-0.464799, -0.628763, 1.307737],
        },
        body_quat={
            "left_ankle_roll_link": [0.280801, -0.584687, -0.660778, 0.377709],
            "torso_link": [0.225205, -0.191105, -0.65692, -0.693699],
            "right_wrist_yaw_link": [-0.051348, 0.727474, 0.107672, -0.675686],
        },
    ),
    Pose(
        root_pos=[-0.4, 0.48, 0.86],
        root_quat=[-0.807, 0.134, 0.339, -0.464],
        joint_pos=[
            1.91,
            0.97,
            1.43,
            2.52,
            -0.73,
            0.18,
            -0.4,
            -1.29,
            -1.95,
            1.99,
            -0.46,
            0.19,
            -1.18,
            0.06,
            -0.1,
            0.44,
            -0.83,
            -1.67,
            1.3,
            0.99,
            0.22,
            1.36,
            -1.9,
            1.02,
            -1.73,
            1.98,
            0.49,
            0.35,
            1.52,
        ],
        body_pos={
            "pelvis": [-0.4, 0.48, 0.86],
            "left_hip_roll_link": [-0.347442, 0.494111, 1.001396],
            "left_knee_link": [-0.516078, 0.490998, 1.263181],
            "left_ankle_roll_link": [-0.526247, 0.625815, 0.98054],
            "right_hip_roll_link": [-0.314891, 0.621889, 0.801486],
            "right_knee_link": [-0.179875, 0.764359, 0.555607],
            "right_ankle_roll_link": [0.050845, 0.611553, 0.707834],
            "torso_link": [-0.430311, 0.449877, 0.848794],
            "left_shoulder_roll_link": [-0.515426, 0.188777, 0.779011],
            "left_elbow_link": [-0.536494, 0.357198, 0.849967],
            "left_wrist_yaw_link": [-0.575421, 0.529429, 0.90112],
            "right_shoulder_roll_link": [-0.711114, 0.384571, 0.78193],
            "right_elbow_link": [-0.568373, 0.293002, 0.707938],
            "right_wrist_yaw_link": [-0.427247, 0.18539, 0.752021],
        },
        body_quat={
            "left_ankle_roll_link": [-0.39371, 0.191714, -0.894121, -0.093731],
            "torso_link": [-0.72249, -0.312259, 0.586727, -0.190406],
            "right_wrist_yaw_link": [-0.423712, 0.832551, -0.075562, 0.348737],
        },
    ),
    Pose(
        root_pos=[0.57, 0.58, 0.53],
        root_quat=[-0.524, 0.156, -0.461, 0.699],
        joint_pos=[
            2.11,
            -0.08,
            -1.12,
            1.38,
            0.31,
            0.24,
            1.3,
            -2.22,
            0.25,
            2.01,
            -0.8,
            0.09,
            -0.69,
            0.09,
            0.18,
            0.76,
            0.42,
            0.29,
            -0.42,
            -0.02,
            -1.21,
            -0.06,
            0.0,
            0.72,
            -0.56,
            -0.99,
            0.11,
            -0.95,
            0.78,
        ],
        body_pos={
            "pelvis": [0.57, 0.58, 0.53],
            "left_hip_roll_link": [0.551207, 0.55288, 0.386004],
            "left_knee_link": [0.505808, 0.851357, 0.316176],
            "left_ankle_roll_link": [0.753443, 0.91658, 0.129708],
            "right_hip_roll_link": [0.420813, 0.535451, 0.57969],
            "right_knee_link": [0.486881, 0.479096, 0.873507],
            "right_ankle_roll_link": [0.63437, 0.731455, 0.762981],
            "torso_link": [0.600457, 0.608438, 0.544676],
            "left_shoulder_roll_link": [0.867167, 0.677076, 0.618576],
            "left_elbow_link": [0.844847, 0.665081, 0.43567],
            "left_wrist_yaw_link": [0.860614, 0.534931, 0.523423],
            "right_shoulder_roll_link": [0.650105, 0.791224, 0.7542],
            "right_elbow_link": [0.639336, 0.658141, 0.626458],
            "right_wrist_yaw_link": [0.594122, 0.720109, 0.774903],
        },
        body_quat={
            "left_ankle_roll_link": [0.314519, 0.190137, -0.695989, -0.616867],
            "torso_link": [-0.460572, -0.01301, -0.712457, 0.529254],
            "right_wrist_yaw_link": [-0.911907, -0.26897, -0.286937, 0.117254],
        },
    ),
]

ROTOR_INERTIA = {
    "5020": ([0.139e-4, 0.017e-4, 0.169e-4], [1, 1 + 46 / 18, 1 + 56 / 16]),
    "7520_14": ([0.489e-4, 0.098e-4, 0.533e-4], [1, 4.5, 1 + 48 / 22]),
    "7520_22": ([0.489e-4, 0.109e-4, 0.738e-4], [1, 4.5, 5]),
    "4010": ([0.068e-4, 0.0, 0.0], [1, 5, 5]),
}
"""Motor -> rotor inertias of its three stages, kg m^2, and their gear ratios; the first stage turns fastest."""

MOTORS = {
    "hip_pitch": ("7520_14", 1),
    "hip_roll": ("7520_22", 1),
    "hip_yaw": ("7520_14", 1),
    "knee": ("7520_22", 1),
    "ankle_pitch": ("5020", 2),
    "ankle_roll": ("5020", 2),
    "waist_yaw": ("7520_14", 1),
    "waist_roll": ("5020", 2),
    "waist_pitch": ("5020", 2),
    "shoulder_pitch": ("5020", 1),
    "shoulder_roll": ("5020", 1),
    "shoulder_yaw": ("5020", 1),
    "elbow": ("5020", 1),
    "wrist_roll": ("5020", 1),
    "wrist_pitch": ("4010", 1),
    "wrist_yaw": ("4010", 1),
}
"""Joint without its side -> motor, and how many of them drive it."""

EFFORT_LIMIT = {"5020": 25.0, "7520_14": 88.0, "7520_22": 139.0, "4010": 5.0}
"""N m of one motor."""

VELOCITY_LIMIT = {"5020": 37.0, "7520_14": 32.0, "7520_22": 20.0, "4010": 22.0}
"""rad/s."""

DEFAULT_POSE = {
    "hip_pitch": -0.312,
    "knee": 0.669,
    "ankle_pitch": -0.363,
    "elbow": 0.6,
    "shoulder_pitch": 0.2,
    "left_shoulder_roll": 0.2,
    "right_shoulder_roll": -0.2,
}
"""The keyframe with bent knees, rad; other joints stand at zero and the pelvis 0.76 m high."""
