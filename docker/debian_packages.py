"""Add the Debian packages of this image to a CycloneDX document of its Python packages: debian_packages.py SBOM.json

The document with both goes to standard output.
"""

import json
import subprocess
import sys
from urllib.parse import quote

FIELDS = "${Package}\\t${Version}\\t${Architecture}\\n"

with open(sys.argv[1], encoding="utf-8") as file:  # noqa: PTH123  Runs in the bare base image.
    document = json.load(file)
installed = subprocess.run(
    ["dpkg-query", "--show", f"--showformat={FIELDS}"], check=True, capture_output=True, text=True
)
for line in sorted(installed.stdout.splitlines()):
    name, version, architecture = line.split("\t")
    purl = f"pkg:deb/debian/{name}@{quote(version, safe='')}?arch={architecture}"
    component = {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}
    document.setdefault("components", []).append(component)
json.dump(document, sys.stdout, indent=1)
