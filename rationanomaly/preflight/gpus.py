"""GPUs for the processes that train, and a driver that runs what torch was built for."""

from __future__ import annotations

from collections.abc import Iterator

from rationanomaly.preflight.findings import Finding, warning
from rationanomaly.preflight.setting import TRAINED, Setting


def check_gpus(setting: Setting) -> Iterator[Finding]:
    """Each process that trains has a GPU, where there are any; this pod sees those that it was given."""
    training = setting.params.training
    ranks, odd = divmod(training.processes, training.nodes)
    if odd:
        problem = f"training.processes ({training.processes}) doesn't divide by training.nodes ({training.nodes})"
        yield Finding(problem, f"Set it to {training.nodes * max(ranks, 1)}")
    if setting.pod:
        yield from _check_resources(setting, ranks)
    else:
        yield from _check_machine(setting, ranks)
    if setting.gpus is not None and len(setting.devices.memory) != setting.gpus:
        problem = f"this pod was given {setting.gpus} GPU(s) and sees {len(setting.devices.memory)}"
        yield Finding(problem, "Check the device plugin of the node, cluster.accelerator and NVIDIA_VISIBLE_DEVICES")


def _check_resources(setting: Setting, ranks: int) -> Iterator[Finding]:
    for step in TRAINED:
        gpus = setting.resources(step).gpus
        if gpus and gpus < ranks:
            problem = f"the pod of {step} gets {gpus} GPU(s) for {ranks} processes"
            yield Finding(problem, f"Set gpus in cluster.steps to {ranks}, or training.processes to {gpus}")
        elif gpus > ranks:
            problem = f"the pod of {step} gets {gpus} GPUs, of which {gpus - ranks} do nothing"
            yield warning(
                problem, f"Set training.processes to {gpus * setting.params.training.nodes}, or gpus to {ranks}"
            )
        elif not gpus and (wanted := _needs_gpu(setting, step)):
            yield Finding(
                f"{wanted} needs a GPU, and the pod of {step} gets none", f"Set gpus of {step} in cluster.steps"
            )


def _check_machine(setting: Setting, ranks: int) -> Iterator[Finding]:
    found = len(setting.devices.memory)
    if 0 < found < ranks:
        problem = f"training.processes is {setting.params.training.processes}, but this machine has {found} GPU(s)"
        yield Finding(problem, f"Set it to {found} or less; each rank needs a GPU of its own")
    for step in TRAINED:
        if not found and (wanted := _needs_gpu(setting, step)):
            yield Finding(
                f"{wanted} needs a GPU, and this machine has none", "Take another setting, or another machine"
            )
            return


def _needs_gpu(setting: Setting, step: str) -> str | None:
    params = setting.params
    if params.training.quantisation == "nf4":
        return "training.quantisation nf4"
    if step == "grpo" and params.grpo.generation.startswith("vllm"):
        return f"grpo.generation {params.grpo.generation}"
    return None


def check_driver(setting: Setting) -> Iterator[Finding]:
    """The driver runs the CUDA that torch was built for; asked only where there are, or ought to be, GPUs."""
    devices = setting.devices
    if not setting.gpus and not devices.memory:
        return
    if devices.torch is None:
        yield Finding("torch was built for CPUs", "Take the image for GPUs: cluster.gpu_image, docker/build.sh gpu")
        return
    needs = ".".join(map(str, devices.torch))
    if devices.driver is None:
        hint = "Install the NVIDIA driver and its container toolkit on the node, and set the pod's runtime class"
        yield Finding(f"there is no NVIDIA driver; torch was built for CUDA {needs}", hint)
        return
    runs = ".".join(map(str, devices.driver))
    problem = f"the driver runs CUDA up to {runs}, and torch was built for {needs}"
    hint = f"Update the driver of the node, or build the image with a torch for CUDA {runs}"
    if devices.driver[0] < devices.torch[0]:
        yield Finding(problem, hint)
    elif devices.driver < devices.torch:
        yield warning(f"{problem}: kernels that are compiled at run time may fail", hint)
