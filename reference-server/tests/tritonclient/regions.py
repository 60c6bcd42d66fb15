"""Tensors in system shared memory, as the client's own module makes it, over either protocol."""

import os

import tritonclient.utils.shared_memory as shared_memory
from tritonclient.utils import np_to_triton_dtype

from samples import SECOND_INPUT, compare, expected, refusal, sample_inputs, samples

# A tensor of these checks has less than so many bytes.
ROOM = 4096


def check(protocol, client, names):
    """Inference with all tensors in regions; `names` gives the names that a status tells."""
    client.unregister_system_shared_memory()
    client.unregister_cuda_shared_memory()
    regions = {}
    try:
        for name, size in (("inputs", 2 * ROOM), ("outputs", 3 * ROOM)):
            key = f"/tritonclient-check-{os.getpid()}-{name}"
            regions[name] = shared_memory.create_shared_memory_region(name, key, size)
            client.register_system_shared_memory(name, key, size)
        assert names(client.get_system_shared_memory_status()) == {"inputs", "outputs"}
        assert names(client.get_cuda_shared_memory_status()) == set()
        for number, (op, data_type) in enumerate(samples()):
            # Aligned as frameworks want it, and not.
            _infer(protocol, client, regions, op, data_type, offset=number % 2 * 24)
        _refusals(protocol, client)
        client.unregister_system_shared_memory("inputs")
        assert names(client.get_system_shared_memory_status()) == {"outputs"}
        client.unregister_system_shared_memory()
        assert names(client.get_system_shared_memory_status()) == set()
    finally:
        client.unregister_system_shared_memory()
        for region in regions.values():
            shared_memory.destroy_shared_memory_region(region)


def _infer(protocol, client, regions, op, data_type, offset):
    x, second = sample_inputs(op, data_type, 4)
    shared_memory.set_shared_memory_region(regions["inputs"], [x], offset)
    shared_memory.set_shared_memory_region(regions["inputs"], [second], ROOM + offset)
    inputs = []
    for name, array, start in (("x", x, offset), (SECOND_INPUT[op], second, ROOM + offset)):
        given = protocol.InferInput(name, list(array.shape), np_to_triton_dtype(array.dtype))
        given.set_shared_memory("inputs", array.nbytes, start)
        inputs.append(given)
    output = protocol.InferRequestedOutput("y")
    output.set_shared_memory("outputs", ROOM, ROOM + offset)
    result = client.infer(f"{op}_{data_type}", inputs, outputs=[output])
    told = result.get_output("y")
    shape = list(told["shape"] if isinstance(told, dict) else told.shape)
    wanted = expected(op, x, second)
    assert shape == list(wanted.shape), told
    compare(
        shared_memory.get_contents_as_numpy(
            regions["outputs"], wanted.dtype, shape, ROOM + offset
        ),
        wanted,
        data_type,
    )


def _refusals(protocol, client):
    def ask(region="inputs", size=64, offset=0, room=64):
        given = protocol.InferInput("x", [1, 16], "FP32")
        given.set_shared_memory(region, size, offset)
        output = protocol.InferRequestedOutput("y")
        output.set_shared_memory("outputs", room)
        return lambda: client.infer("small", [given], outputs=[output])

    ask()()
    refusal(ask(region="nobody"), "Unable to find shared memory region: 'nobody'")
    refusal(ask(offset=2 * ROOM), "Invalid offset for shared memory region: 'inputs'")
    refusal(
        ask(offset=2 * ROOM - 63), "Invalid offset + byte size for shared memory region: 'inputs'"
    )
    refusal(ask(size=128), "input byte size mismatch for input 'x' for model 'small'")
    refusal(ask(room=63), "output 'y' (63 bytes) should be at least 64 bytes")
    again = lambda: client.register_system_shared_memory("inputs", "/any", 1)
    refusal(again, "shared memory region 'inputs' already in manager")
    refusal(
        lambda: client.register_system_shared_memory("more", "/../etc/passwd", 1),
        "Unable to open shared memory region",
    )
