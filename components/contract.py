"""What every component has in common: it runs in an image that holds the package, and installs nothing."""

from functools import partial

from kfp import dsl

#: Stands for the image until a pipeline names the real one from its params (``cluster.image``).
IMAGE = "rationanomaly-cpu:dev"

step_component = partial(dsl.component, base_image=IMAGE, packages_to_install=[], install_kfp_package=False)
