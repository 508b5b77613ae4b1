"""Print what the dependency layer of an image installs, one requirement a line: requirements.py SETUP_CFG cpu|gpu."""

import configparser
import sys

config = configparser.ConfigParser()
with open(sys.argv[1], encoding="utf-8") as file:  # noqa: PTH123  Runs in the bare base image, before any venv.
    config.read_file(file)
wanted = config["options"]["install_requires"].strip()
wanted += config["options.extras_require"].get(sys.argv[2], "").rstrip()
sys.stdout.write(wanted + "\n")
