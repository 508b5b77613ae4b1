"""The secrets that the run needs: whether each is set, never its value."""

from __future__ import annotations

from collections.abc import Iterator

from rationanomaly.params import Params
from rationanomaly.preflight.findings import Finding
from rationanomaly.preflight.setting import Setting

_PAIR = ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD")


def needed_variables(params: Params) -> dict[str, str]:
    """The environment variables that params say the run needs → the param that says so."""
    found = dict[str, str]()
    if params.distill.teacher == "openai":
        endpoint = params.distill.endpoint
        if endpoint.key:
            found[endpoint.key] = "distill.endpoint.key"
        if endpoint.url.startswith("env:"):
            found[endpoint.url.removeprefix("env:")] = "distill.endpoint.url"
        found |= dict.fromkeys(endpoint.headers.values(), "distill.endpoint.headers")
    return found


def check_secrets(setting: Setting) -> Iterator[Finding]:
    """Each variable that is needed is set, and none has a blank that a copied file brought along."""
    environment, params = setting.environment, setting.params
    needed = needed_variables(params)
    for name, key in needed.items():
        if not environment.get(name, "").strip():
            hint = setting.in_secret(name)
            yield Finding(f"{name} is not set, and {key} names it", f"{hint[0].upper()}{hint[1:]}")
    for one, other in (_PAIR, _PAIR[::-1]):
        if environment.get(one) and not environment.get(other):
            yield Finding(f"{one} is set and {other} is not", f"{setting.in_secret(other).capitalize()}")
    for name in sorted({*needed, *params.cluster.secret_keys}):
        value = environment.get(name, "")
        if value.strip() and value != value.strip():
            hint = "Make the secret anew without it, by `kubectl create secret --from-literal` or `printf`, not `echo`"
            yield Finding(f"{name} begins or ends with a blank or a line break", hint)
