"""Say where the packages are: `plugins/` and `cli/` are folders of the repository, never importable names."""

from setuptools import setup

setup(
    packages=[
        "nst_core",
        "nst_core.image",
        "nst_core.samples",
        "nst_core.weights",
        "nst_plugins",
        "nst_plugins.extractors",
        "nst_plugins.initializers",
        "nst_plugins.losses",
        "nst_plugins.optimizers",
        "nst_cli",
    ],
    package_dir={"nst_plugins": "plugins/nst_plugins", "nst_cli": "cli/nst_cli"},
    package_data={"nst_core": ["py.typed"], "nst_core.samples": ["*.jpg"], "nst_plugins": ["py.typed"]},
)
