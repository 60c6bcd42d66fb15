"""Tensors in CUDA shared memory, with the unmodified tritonclient over both protocols. Needs a GPU.

Usage: check_cuda.py HTTP GRPC MODEL...

HTTP and GRPC are HOST:PORT of one server on this machine, which serves the models, each with tensors of
numbers alone. What a model leaves open gets 4 rows. With tensors in CUDA memory each model must answer bit
for bit what it answers without, wherever it executes. Exit status 1 where a check fails.
"""

import base64
import sys
import traceback

import numpy as np
import tritonclient.grpc as grpc
import tritonclient.http as http
import tritonclient.utils.cuda_shared_memory as cuda
import tritonclient.utils.shared_memory as system
from tritonclient.utils import InferenceServerException, triton_to_np_dtype

ROWS = 4
ROUNDS = 3
POISON = 0xA5


class Protocol:
    """One of the two clients, with answers in the same form."""

    def __init__(self, name, module, url):
        self.name = name
        self.module = module
        self.client = module.InferenceServerClient(url)

    def metadata(self, model):
        told = self.client.get_model_metadata(model, **self._as_json())
        sides = []
        for side in ("inputs", "outputs"):
            sides.append(
                [
                    (tensor["name"], tensor["datatype"], [int(length) for length in tensor["shape"]])
                    for tensor in told[side]
                ]
            )
        return sides

    def regions(self):
        told = self.client.get_cuda_shared_memory_status(**self._as_json())
        return {region["name"] for region in told} if isinstance(told, list) else set(
            told.get("regions", {})
        )

    def register(self, name, region, size, device=0):
        self.client.register_cuda_shared_memory(name, cuda.get_raw_handle(region), device, size)

    def _as_json(self):
        return {"as_json": True} if self.module is grpc else {}


def values(datatype, shape, random):
    """Numbers of that type, none of which is 0."""
    kind = np.dtype(triton_to_np_dtype(datatype))
    if kind.kind == "f":
        return random.uniform(0.5, 4, shape).astype(kind)
    return random.integers(1, 50, shape).astype(kind)


def check_model(protocol, model):
    """The same answer with all tensors in CUDA memory as with none there, several times over."""
    declared, outputs = protocol.metadata(model)
    random = np.random.default_rng(1)
    arrays = []
    for name, datatype, shape in declared:
        shape = [ROWS if length < 0 else length for length in shape]
        arrays.append((name, datatype, values(datatype, shape, random)))
    module = protocol.module
    plain = []
    for name, datatype, array in arrays:
        given = module.InferInput(name, list(array.shape), datatype)
        given.set_data_from_numpy(array)
        plain.append(given)
    answer = protocol.client.infer(model, plain)
    expected = {name: answer.as_numpy(name) for name, _, _ in outputs}

    size = sum(array.nbytes for _, _, array in arrays)
    given_region = cuda.create_shared_memory_region("given", size, 0)
    cuda.set_shared_memory_region(given_region, [array for _, _, array in arrays])
    protocol.register("given", given_region, size)
    answer_regions = {}
    try:
        for name, array in expected.items():
            region = cuda.create_shared_memory_region(f"answer {name}", array.nbytes, 0)
            protocol.register(f"answer {name}", region, array.nbytes)
            answer_regions[name] = region
        placed, offset = [], 0
        for name, datatype, array in arrays:
            given = module.InferInput(name, list(array.shape), datatype)
            # Some of the inputs are not aligned as a GPU wants it, unless each is a multiple of that.
            given.set_shared_memory("given", array.nbytes, offset)
            offset += array.nbytes
            placed.append(given)
        wanted = []
        for name, array in expected.items():
            output = module.InferRequestedOutput(name)
            output.set_shared_memory(f"answer {name}", array.nbytes)
            wanted.append(output)
        for _ in range(ROUNDS):
            for name, region in answer_regions.items():
                poison = np.full(expected[name].nbytes, POISON, np.uint8)
                cuda.set_shared_memory_region(region, [poison])
            protocol.client.infer(model, placed, outputs=wanted)
            for name, region in answer_regions.items():
                found = cuda.get_contents_as_numpy(
                    region, expected[name].dtype, expected[name].shape
                )
                assert np.array_equal(found, expected[name]), (name, found, expected[name])
            # Requests without regions in between.
            again = protocol.client.infer(model, plain)
            for name, array in expected.items():
                assert np.array_equal(again.as_numpy(name), array), name
        # Output in CUDA memory alone, and input alone.
        protocol.client.infer(model, plain, outputs=wanted)
        told = protocol.client.infer(model, placed)
        for name, array in expected.items():
            assert np.array_equal(told.as_numpy(name), array), name
            found = cuda.get_contents_as_numpy(answer_regions[name], array.dtype, array.shape)
            assert np.array_equal(found, array), name
    finally:
        protocol.client.unregister_cuda_shared_memory()
        cuda.destroy_shared_memory_region(given_region)
        for region in answer_regions.values():
            cuda.destroy_shared_memory_region(region)
    assert protocol.regions() == set()


def refusal(call, *parts):
    """The call is refused with a text that has all these parts."""
    try:
        call()
    except InferenceServerException as error:
        assert all(part in str(error) for part in parts), str(error)
    else:
        raise AssertionError(f"it was not refused with {parts}")


def check_registration(protocol, model):
    """What cannot be registered, and what a request cannot do with a region."""
    size = 4 << 20
    region = cuda.create_shared_memory_region("a", size, 0)
    try:
        protocol.register("a", region, size)
        assert protocol.regions() == {"a"}
        refusal(lambda: protocol.register("a", region, size), "'a' already in manager")
        # The same memory under another name.
        protocol.register("b", region, size // 2)
        assert protocol.regions() == {"a", "b"}
        refusal(
            lambda: protocol.register("c", region, size + (64 << 20)),
            "bytes are not in the allocation of the CUDA handle",
        )
        refusal(lambda: protocol.register("c", region, 0), "byte_size must not be 0")
        refusal(lambda: protocol.register("c", region, size, device=99), "GPU 99")
        refusal(
            lambda: protocol.client.register_cuda_shared_memory(
                "c", base64.b64encode(bytes([7] * 64)), 0, size
            ),
            "the CUDA handle cannot be opened on GPU 0",
        )
        object = system.create_shared_memory_region("s", "/check-cuda", 64)
        try:
            refusal(
                lambda: protocol.client.register_system_shared_memory("a", "/check-cuda", 64),
                "'a' already in manager",
            )
            refusal(lambda: protocol.client.get_system_shared_memory_status("a"), "'a'")
        finally:
            system.destroy_shared_memory_region(object)

        def ask(region, offset=0):
            inputs = []
            for name, datatype, shape in protocol.metadata(model)[0]:
                shape = [ROWS if length < 0 else length for length in shape]
                item = np.dtype(triton_to_np_dtype(datatype)).itemsize
                given = protocol.module.InferInput(name, shape, datatype)
                given.set_shared_memory(region, int(np.prod(shape)) * item, offset)
                inputs.append(given)
            return lambda: protocol.client.infer(model, inputs)

        ask("a")()
        ask("b", offset=64)()
        refusal(ask("nobody"), "Unable to find shared memory region: 'nobody'")
        refusal(ask("a", offset=size), "Invalid offset for shared memory region: 'a'")
        refusal(ask("b", size // 2 - 1), "Invalid offset + byte size for shared memory region: 'b'")
        protocol.client.unregister_cuda_shared_memory("a")
        assert protocol.regions() == {"b"}
        refusal(ask("a"), "Unable to find shared memory region: 'a'")
    finally:
        protocol.client.unregister_cuda_shared_memory()
        cuda.destroy_shared_memory_region(region)
    assert protocol.regions() == set()


def main():
    models = sys.argv[3:]
    failed = 0
    for name, module, url in (("HTTP", http, sys.argv[1]), ("gRPC", grpc, sys.argv[2])):
        protocol = Protocol(name, module, url)
        checks = [(check_registration, models[0])] + [(check_model, model) for model in models]
        for check, model in checks:
            try:
                check(protocol, model)
                print(f"ok {name} {check.__name__} {model}", flush=True)
            except Exception:
                failed += 1
                print(f"FAILED {name} {check.__name__} {model}\n{traceback.format_exc()}", flush=True)
    sys.exit(1 if failed else 0)


main()
