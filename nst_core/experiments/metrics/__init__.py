"""The same figures for every picture, whatever it was optimised for and whoever made it.

docs/metrics.md explains them.
"""

from nst_core.experiments.metrics.evaluation import evaluate_image
from nst_core.experiments.metrics.figures import Metrics
from nst_core.experiments.metrics.frechet import frechet_distance
from nst_core.experiments.metrics.identity import Identity, identity_job, measure_identity
from nst_core.experiments.metrics.layers import layers_for, metric_layers
from nst_core.experiments.metrics.moments import Moments, feature_moments
from nst_core.experiments.metrics.pyramid import octaves, pyramid_distance
from nst_core.experiments.metrics.rim import rim_ratio
from nst_core.experiments.metrics.self_similarity import self_similarity_distance
from nst_core.experiments.metrics.similarity import edge_ssim, ssim
from nst_core.experiments.metrics.specks import speck_share
from nst_core.experiments.metrics.total_variation import total_variation

__all__ = [
    "Identity",
    "Metrics",
    "Moments",
    "edge_ssim",
    "evaluate_image",
    "feature_moments",
    "frechet_distance",
    "identity_job",
    "layers_for",
    "measure_identity",
    "metric_layers",
    "octaves",
    "pyramid_distance",
    "rim_ratio",
    "self_similarity_distance",
    "speck_share",
    "ssim",
    "total_variation",
]
