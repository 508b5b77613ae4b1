"""Write ``dropped.txt`` anew: hashes of the corpus's texts that are near-duplicates of the templates of a table.

python -m rationanomaly.pretrain.dropped ../shared/data/templates/templates.csv
"""

from __future__ import annotations

import sys
from pathlib import Path

from rationanomaly.artifacts import write_text
from rationanomaly.params import DEFAULTS_NAME, load_params
from rationanomaly.pretrain.adapter import read_templates
from rationanomaly.pretrain.corpus import find_close


def main() -> None:
    """Write the file beside this one."""
    settings = load_params(Path(DEFAULTS_NAME)).prompt
    hashes = find_close(read_templates(Path(sys.argv[1])), settings, seed=0)
    write_text(Path(__file__).with_name("dropped.txt"), "".join(f"{number}\n" for number in hashes))


if __name__ == "__main__":
    main()
