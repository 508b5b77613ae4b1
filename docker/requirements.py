"""Print what the dependency layer of an image installs, one requirement a line: requirements.py SETUP_CFG VARIANT.

The cpu and the gpu image have the core and the extras that `all` names, the gpu image has the extra `gpu` too. The
image vllm has the extra `vllm` beside it and lacks what vLLM can't share an environment with. The image of MLflow's
server, tracking, has the extra of that name alone.
"""

import configparser
import re
import sys

config = configparser.ConfigParser()
with open(sys.argv[1], encoding="utf-8") as file:  # noqa: PTH123  Runs in the bare base image, before any venv.
    config.read_file(file)
extras = config["options.extras_require"]
named = re.findall(r"[\w-]+", extras["all"].partition("[")[2])
wanted = [config["options"]["install_requires"], *(extras[name] for name in named)]
match sys.argv[2]:
    case "gpu":
        wanted.append(extras["gpu"])
    case "vllm":
        kept = [name for name in named if name not in ("review", "serve")]
        wanted = [wanted[0], *(extras[name] for name in [*kept, "gpu", "vllm"])]
    case "tracking":
        wanted = [extras["tracking"]]
lines = [line for part in wanted for line in part.strip().splitlines() if line and not line.startswith("#")]
sys.stdout.write("\n".join(lines) + "\n")
