"""Typed params: every knob of every step, read from a params file.

``rationanomaly/defaults.yaml`` has every value with its comment; nothing here repeats a value. A profile holds
only differences and names what it starts from: ``extends: defaults``, or another file, seen from its own folder. A
complete file, such as ``rationanomaly params PROFILE`` writes, extends nothing. An unknown key is an error, so that a
misspelled knob never does nothing in silence; a key that was renamed is taken for one release, with a warning.

`sections` says what there is, `loading` makes documents of files and settings. Every step reaches all of it.
"""

from __future__ import annotations

from rationanomaly.params.cluster import ClusterParams, PodPlacement, StepResources
from rationanomaly.params.loading import (
    DEFAULTS,
    DEFAULTS_NAME,
    check,
    compose,
    current_key,
    current_names,
    dump,
    dump_line,
    lineage,
    load_params,
    read_document,
    read_setting,
)
from rationanomaly.params.log_files import forget_files, is_glob, split_glob
from rationanomaly.params.section import Section
from rationanomaly.params.sections import (
    AlarmParams,
    AnswerCells,
    BaseParams,
    BudgetParams,
    CorrectParams,
    DataParams,
    DetectParams,
    DistillParams,
    EndpointParams,
    EvaluateParams,
    FormatReward,
    GroundingWeights,
    GrpoParams,
    JsonParams,
    LocalTeacherParams,
    ModelParams,
    Params,
    ParseParams,
    PoolParams,
    PromptParams,
    RegisterParams,
    RewardParams,
    RewardWeights,
    RunParams,
    SessionParams,
    SftParams,
    SimulateParams,
    SplitParams,
    StressParams,
    ThresholdParams,
    TrainingParams,
    VerdictKind,
    VllmParams,
)
from rationanomaly.params.values import NonNegative, Positive, Rate, Share, VariableName, Weight

__all__ = [
    "DEFAULTS", "DEFAULTS_NAME", "AlarmParams", "AnswerCells", "BaseParams", "BudgetParams", "ClusterParams",
    "CorrectParams", "DataParams", "DetectParams", "DistillParams", "EndpointParams", "EvaluateParams",
    "FormatReward", "GroundingWeights", "GrpoParams", "JsonParams", "LocalTeacherParams", "ModelParams",
    "NonNegative", "Params", "ParseParams", "PodPlacement", "PoolParams", "Positive", "PromptParams", "Rate",
    "RegisterParams", "RewardParams", "RewardWeights", "RunParams", "Section", "SessionParams", "SftParams",
    "Share", "SimulateParams", "SplitParams", "StepResources", "StressParams", "ThresholdParams", "TrainingParams",
    "VariableName", "VerdictKind", "VllmParams", "Weight", "check", "compose", "current_key", "current_names", "dump",
    "dump_line", "forget_files", "is_glob", "lineage", "load_params", "read_document", "read_setting", "split_glob",
]  # fmt: skip
