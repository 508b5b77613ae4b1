"""Print the install requirements of a setup.cfg, one a line: what the dependency layer of the images installs."""

import configparser
import sys

config = configparser.ConfigParser()
with open(sys.argv[1], encoding="utf-8") as file:  # noqa: PTH123  Runs in the bare base image, before any venv.
    config.read_file(file)
sys.stdout.write(config["options"]["install_requires"].strip() + "\n")
