"""Strict doubles of vLLM as TRL 1.16 uses it: the class `LLM` in the trainer's process, and a server over HTTP.

Both write with a real model of transformers that has only the weights it was sent. They refuse what vLLM would refuse:
names, shapes and number formats that the base doesn't have, weights that were announced otherwise, arguments that it
doesn't know, and generation while weights are missing.
"""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

Weights = dict[str, torch.Tensor]


class Engine:
    """The model that writes.

    Attributes:
        keeps_first: a fault to be found: what is sent later is taken and not used.
    """

    keeps_first = False

    def __init__(self, model: str) -> None:
        from transformers import AutoModelForCausalLM

        self.model = AutoModelForCausalLM.from_pretrained(model, local_files_only=True).eval()
        self.missing: set[str] = set()
        self.loads = 0
        self._random = torch.Generator().manual_seed(0)

    def forget(self) -> None:
        """What sleep at level 2 does."""
        for weight in self.model.parameters():
            weight.data.fill_(torch.nan)
        self.missing = set(self.weights)

    @property
    def weights(self) -> Weights:
        return dict(self.model.named_parameters())

    def load(self, sent: Iterable[tuple[str, torch.Tensor]]) -> None:
        for name, weight in sent:
            own = self.weights[name]
            assert (weight.shape, weight.dtype) == (own.shape, own.dtype), name
            assert torch.isfinite(weight).all(), name
            if own.isnan().any() or not self.keeps_first:
                own.data.copy_(weight)
            self.missing.discard(name)
            self.loads += 1

    def before_writing(self) -> None:
        """Called before each generation; for tests to look in."""

    @torch.no_grad()
    def write(self, prompt: list[int], temperature: float, max_tokens: int) -> tuple[list[int], list[float]]:
        """Tokens of one completion and the log-probabilities that they were drawn with."""
        assert not self.missing, f"written without {sorted(self.missing)}"
        ids, found = list(prompt), list[float]()
        while len(found) < max_tokens and (not found or ids[-1] != self.model.config.eos_token_id):
            logits = self.model(torch.tensor([ids])).logits[0, -1].float()
            log_probs = (logits / temperature).log_softmax(-1)
            token = int(torch.multinomial(log_probs.exp(), 1, generator=self._random))
            ids.append(token)
            found.append(float(log_probs[token]))
        return ids[len(prompt) :], found


class SamplingParams:
    """What `vllm.SamplingParams` is given."""

    def __init__(
        self, *, n: int, repetition_penalty: float, temperature: float, top_p: float, top_k: int, min_p: float,
        max_tokens: int, logprobs: int,
    ) -> None:  # fmt: skip
        assert (n, repetition_penalty, top_p, top_k, min_p, logprobs) == (1, 1.0, 1.0, 0, 0.0, 0)
        self.temperature, self.max_tokens = temperature, max_tokens


class Llm:
    """`vllm.LLM` as TRL makes it; ``engines`` holds the one that was made last."""

    engines: list[Engine] = []  # noqa: RUF012

    def __init__(self, *, model: str, enable_sleep_mode: bool, logprobs_mode: str, quantization: None, **others: Any):
        assert logprobs_mode == "processed_logprobs"
        assert set(others) == {
            "tensor_parallel_size", "gpu_memory_utilization", "max_model_len", "max_num_seqs", "model_impl",
            "distributed_executor_backend", "seed", "max_num_batched_tokens", "trust_remote_code",
        }  # fmt: skip
        assert others["trust_remote_code"] is False
        self._engine = Engine(model)
        self._asleep: set[str] = set()
        self.engines[:] = [self._engine]
        runner = SimpleNamespace(model=SimpleNamespace(load_weights=self._load))
        worker = SimpleNamespace(model_runner=runner)
        self.llm_engine = SimpleNamespace(model_executor=SimpleNamespace(driver_worker=worker))

    def _load(self, weights: list[tuple[str, torch.Tensor]]) -> None:
        assert "weights" not in self._asleep, "loaded into memory that is not mapped"
        self._engine.load(weights)

    def sleep(self, level: int) -> None:
        assert level == 2
        self._asleep = {"weights", "kv_cache"}
        self._engine.forget()

    def wake_up(self, tags: list[str]) -> None:
        self._asleep -= set(tags)

    def reset_prefix_cache(self) -> None:
        pass

    def generate(self, prompts: list[dict[str, Any]], *, sampling_params: SamplingParams, use_tqdm: bool) -> list[Any]:
        assert not self._asleep
        self._engine.before_writing()
        found = []
        for asked in prompts:
            (ids,) = asked.values()
            tokens, log_probs = self._engine.write(ids, sampling_params.temperature, sampling_params.max_tokens)
            said = [{t: SimpleNamespace(rank=1, logprob=p)} for t, p in zip(tokens, log_probs, strict=True)]
            outputs = [SimpleNamespace(token_ids=tokens, logprobs=said)]
            found.append(SimpleNamespace(prompt_token_ids=ids, outputs=outputs))
        return found


def colocated(patch: pytest.MonkeyPatch) -> None:
    """Let TRL find the double where it looks for vLLM."""
    from trl.generation import vllm_generation

    patch.setattr(vllm_generation, "is_vllm_available", lambda *_: True)
    patch.setattr(vllm_generation, "LLM", Llm, raising=False)
    patch.setattr(vllm_generation, "SamplingParams", SamplingParams, raising=False)


_COMPLETIONS = {
    "model", "prompt", "return_token_ids", "return_tokens_as_token_ids", "n", "repetition_penalty", "temperature",
    "top_p", "top_k", "min_p", "max_tokens", "logprobs",
}  # fmt: skip


class Server:
    """`vllm serve` with its development endpoints; weights come over ``channel``, in place of NCCL."""

    def __init__(self, model: str) -> None:
        self.engine = Engine(model)
        self.engine.forget()  # It starts with the base; that none of it is left shall be seen.
        self.channel: queue.Queue[tuple[str, torch.Tensor]] = queue.Queue()
        self.updating = self.joined = False
        self.calls: list[str] = []

    def get(self, path: str) -> Any:
        answers = {
            "/health": {},
            "/v1/models": {"data": [{"id": "base"}]},
            "/get_world_size": {"world_size": 1},
            "/server_info": {"vllm_config": {"weight_transfer_config": {"backend": "nccl"},
                                             "model_config": {"logprobs_mode": "processed_logprobs"}}},
        }  # fmt: skip
        return answers[path]

    def post(self, path: str, body: dict[str, Any]) -> Any:
        self.calls.append(path)
        match path:
            case "/init_weight_transfer_engine":
                assert set(body["init_info"]) == {"master_address", "master_port", "rank_offset", "world_size"}
                self.joined = True
            case "/start_weight_update":
                assert self.joined and not self.updating
                self.updating = True
            case "/update_weights":
                assert self.updating
                info = body["update_info"]
                assert set(info) == {"names", "dtype_names", "shapes", "packed"}
                for announced in zip(info["names"], info["dtype_names"], info["shapes"], strict=True):
                    name, weight = self.channel.get(timeout=60)
                    assert announced == (name, str(weight.dtype).removeprefix("torch."), list(weight.shape))
                    self.engine.load([(name, weight)])
            case "/finish_weight_update":
                assert self.updating and self.channel.empty()
                self.updating = False
            case "/reset_prefix_cache":
                assert not self.updating
            case "/v1/completions":
                return self._complete(body)
            case _:
                raise AssertionError(path)
        return {}

    def _complete(self, body: dict[str, Any]) -> Any:
        assert set(body) == _COMPLETIONS
        assert not self.updating
        self.engine.before_writing()
        choices = []
        for prompt in body["prompt"]:
            for _ in range(body["n"]):
                tokens, log_probs = self.engine.write(prompt, body["temperature"], body["max_tokens"])
                names = [f"token_id:{token}" for token in tokens]
                said = {"tokens": names, "token_logprobs": log_probs, "top_logprobs": [{} for _ in tokens]}
                choices.append({"prompt_token_ids": prompt, "token_ids": tokens, "logprobs": said})
        return {"choices": choices}


@contextmanager
def serving(model: Path, patch: pytest.MonkeyPatch) -> Iterator[tuple[Server, str]]:
    """The server at work, with TRL's client that finds it; yields it and its address."""
    from trl.generation import vllm_client, vllm_generation

    server = Server(str(model))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer(lambda: server.get(self.path.partition("?")[0]))

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
            self._answer(lambda: server.post(self.path, body))

        def _answer(self, make: Callable[[], Any]) -> None:
            try:
                status, document = 200, make()
            except Exception as error:  # Said to the client, whose test then fails; 400 is not asked for again.
                status, document = 400, {"error": repr(error)}
            sent = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        def log_message(self, *_: Any) -> None:
            pass

    def send(iterator: Iterator[tuple[str, torch.Tensor]], trainer_args: Any) -> None:
        assert trainer_args.packed
        for name, weight in iterator:
            server.channel.put((name, weight.detach().clone()))

    nccl = SimpleNamespace(
        trainer_init=lambda info: SimpleNamespace(group=SimpleNamespace(info=info)), trainer_send_weights=send
    )
    join = vllm_client.VLLMClient.init_communicator
    for module in (vllm_client, vllm_generation):
        patch.setattr(module, "is_vllm_available", lambda *_: True)
    patch.setattr(vllm_client, "get_ip", lambda: "127.0.0.1", raising=False)
    patch.setattr(vllm_client, "NCCLWeightTransferEngine", nccl, raising=False)
    patch.setattr(vllm_client, "NCCLTrainerSendWeightsArgs", SimpleNamespace, raising=False)
    # The one thing that asks for a GPU before anything is sent.
    patch.setattr(vllm_client.VLLMClient, "init_communicator", lambda client, device: join(client, "cuda"))
    patch.setenv("NO_PROXY", "127.0.0.1")
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=httpd.serve_forever, daemon=True)
    thread.start()
    try:
        yield server, f"http://127.0.0.1:{httpd.server_port}"
    finally:
        httpd.shutdown()
        httpd.server_close()
        thread.join()
