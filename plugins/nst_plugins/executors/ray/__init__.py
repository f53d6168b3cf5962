"""The executor for the machines of a Ray cluster."""

from nst_plugins.executors.ray.executor import RayCluster

__all__ = ["RayCluster"]
