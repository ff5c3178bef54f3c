"""Adapters with random weights, requests, and plain transformers as the reference."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from ragft_core.errors import ModelError
from ragft_core.models.engine.sampling import TIE
from ragft_core.models.weights.loading import load_base, weights_digest
from ragft_core.types import Adapter, Message, Request, Sampling

TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]

SMALL = {
    "vocab_size": 512, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
    "num_attention_heads": 4, "max_position_embeddings": 256,
    "eos_token_id": 0, "bos_token_id": 0, "pad_token_id": 0,
}  # fmt: skip
GROUPED = {"num_key_value_heads": 2}
FAMILIES: dict[str, dict] = {
    "Gemma2": {**GROUPED, "head_dim": 8, "sliding_window": 64},
    "Gemma3Text": {**GROUPED, "head_dim": 8, "sliding_window": 64},
    "Phi3": GROUPED,
    "Qwen3": {**GROUPED, "head_dim": 8},
    "Mistral": {**GROUPED, "sliding_window": None},
    "GPTNeoX": {},
    "Granite": {**GROUPED, "logits_scaling": 8.0},
    "Cohere": {**GROUPED, "logit_scale": 0.25},
    "OPT": {"ffn_dim": 64, "word_embed_proj_dim": 32},
    "GPT2": {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 256},
}
HEADS = {"GPT2": "GPT2LMHeadModel", "Gemma3Text": "Gemma3ForCausalLM"}


def make_family(name: str, tokenizer: Path, folder: Path) -> Path:
    """A folder with a small random model of a family, and a tokenizer out of another folder."""
    import torch
    import transformers

    config = getattr(transformers, f"{name}Config")(**SMALL, **FAMILIES[name])
    torch.manual_seed(1)
    model = getattr(transformers, HEADS.get(name, f"{name}ForCausalLM"))(config)
    model.save_pretrained(folder)
    transformers.AutoTokenizer.from_pretrained(tokenizer).save_pretrained(folder)
    return folder


def make_adapter(
    base: Path, folder: Path, seed: int, rank: int = 4, std: float = 0.2, **options
) -> Adapter:
    """A LoRA adapter with random weights, as PEFT saves it."""
    import torch
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(seed)
    model, _ = load_base(base)
    options = {"target_modules": TARGETS, "lora_alpha": 2 * rank, **options}
    peft = get_peft_model(model, LoraConfig(r=rank, task_type="CAUSAL_LM", **options))
    for name, parameter in peft.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(parameter, std=std)
    peft.save_pretrained(folder)
    return Adapter(folder.name, folder.name, weights_digest(base), str(folder), rank)


def finder(adapters: dict[str, Adapter]) -> Callable[[str], Adapter]:
    """Looks adapters up the way the strategies do."""

    def find(name: str) -> Adapter:
        if name not in adapters:
            raise ModelError(f"There is no adapter {name!r}.")
        return adapters[name]

    return find


class Reference:
    """Plain transformers and peft: one prompt at a time, as the library generates it."""

    def __init__(self, folder: Path, adapters: dict[str, Adapter]) -> None:
        self._folder, self._adapters, self._models = folder, adapters, {}

    def model(self, adapter: str | None):
        from peft import PeftModel

        if adapter not in self._models:
            model, self.tokenizer = load_base(self._folder)
            if adapter:
                model = PeftModel.from_pretrained(model, self._adapters[adapter].path).eval()
            self._models[adapter] = model
        return self._models[adapter]

    def generate(self, request: Request, *, exactly: bool = False):
        """Token ids of the answer, and the two best logits' distance at each."""
        import torch

        model = self.model(request.adapter)
        rows = [{"role": m.role, "content": m.content} for m in request.messages]
        inputs = self.tokenizer.apply_chat_template(
            rows, add_generation_prompt=True, return_tensors="pt", return_dict=True
        )
        with torch.no_grad():
            out = model.generate(
                **inputs,
                do_sample=False,
                max_new_tokens=request.sampling.max_new_tokens,
                min_new_tokens=request.sampling.max_new_tokens if exactly else None,
                return_dict_in_generate=True,
                output_logits=True,
            )
        ids = out.sequences[0, inputs["input_ids"].shape[1] :].tolist()
        gaps = [float(best[0, 0] - best[0, 1]) for best in (x.topk(2).values for x in out.logits)]
        return ids, gaps

    def log_probabilities(self, request: Request, text: str) -> tuple[list[int], list[float]]:
        """Token ids of a given answer with its end, and the log probability of each."""
        import torch

        model = self.model(request.adapter)
        rows = [{"role": m.role, "content": m.content} for m in request.messages]
        prompt = self.tokenizer.apply_chat_template(rows, add_generation_prompt=True)["input_ids"]
        ids = [*self.tokenizer.encode(text, add_special_tokens=False), self.tokenizer.eos_token_id]
        with torch.no_grad():
            logits = model(input_ids=torch.tensor([[*prompt, *ids]])).logits[0]
        found = logits[len(prompt) - 1 : -1].float().log_softmax(-1)
        return ids, [float(found[place, token]) for place, token in enumerate(ids)]

    def check(self, request: Request, text: str) -> int:
        """Asserts equality with the engine's text up to the first tie; counts such ties."""
        ids, gaps = self.generate(request)
        expected = self.tokenizer.decode(ids, skip_special_tokens=True)
        if text == expected:
            return 0
        for n in range(len(ids) + 1):
            if not text.startswith(self.tokenizer.decode(ids[:n], skip_special_tokens=True)):
                assert min(gaps[:n]) < TIE, f"{text!r} is not {expected!r}, gaps {gaps[:n]}"
                return 1
        raise AssertionError(f"{text!r} goes on after {expected!r}")


def ask(text: str, adapter: str | None = None, *, n: int = 24, **options) -> Request:
    """A request with one user turn."""
    messages = (Message("system", "Answer the question in a few words."), Message("user", text))
    return Request(messages, adapter, Sampling(max_new_tokens=n, **options))


def prompts(count: int) -> Sequence[str]:
    """Prompts of mixed length, from a few words to several hundred tokens."""
    words = "the price of a red city is blue and how many days was it for".split()
    return [
        " ".join(words[(i * 7 + j) % len(words)] for j in range(3 + i * i * 4 % 190))
        for i in range(count)
    ]
