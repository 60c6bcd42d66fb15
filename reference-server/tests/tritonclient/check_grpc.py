"""Drives a server with the unmodified tritonclient over gRPC and compares with NumPy.

Usage: check_grpc.py HOST:PORT [AUTHORITY CERTIFICATE KEY]

`samples.py` says what the server has. Each function named `check_…` is one check; all of them run, and
the exit status is 1 where one failed.
"""

import asyncio
import queue
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import tritonclient.grpc as grpc
import tritonclient.grpc.aio as aio
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

import regions
from samples import (
    CERTIFICATES,
    COLUMNS,
    MODEL_FILE,
    SECOND_INPUT,
    compare,
    expected,
    refusal,
    run_checks,
    sample_inputs,
    samples,
    unserved,
)

URL = sys.argv[1]
# Arguments of each client.
SECURITY = {}
if CERTIFICATES:
    FILES = ("root_certificates", "certificate_chain", "private_key")
    SECURITY = {"ssl": True, **dict(zip(FILES, CERTIFICATES))}
# Seconds that anything may take.
DEADLINE = 60


def tensor(name, array):
    """An input of a request."""
    given = grpc.InferInput(name, list(array.shape), np_to_triton_dtype(array.dtype))
    given.set_data_from_numpy(array)
    return given


def inputs_of(op, x, second):
    """Both inputs of a sample model."""
    return [tensor("x", x), tensor(SECOND_INPUT[op], second)]


def infer(client, op, data_type, rows, seed=1, **arguments):
    """One inference on a sample model, checked."""
    x, second = sample_inputs(op, data_type, rows, seed)
    result = client.infer(
        f"{op}_{data_type}",
        inputs_of(op, x, second),
        outputs=[grpc.InferRequestedOutput("y")],
        client_timeout=DEADLINE,
        **arguments,
    )
    compare(result.as_numpy("y"), expected(op, x, second), data_type)
    return result


def refused(code, action, *texts):
    """`action` must be refused with this status code."""
    error = refusal(action, *texts)
    assert error.status() == f"StatusCode.{code}", error


def check_health(client):
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("small")
    assert client.is_model_ready("small", "1")
    assert not client.is_model_ready("small", "2")
    assert not client.is_model_ready("nobody")


def check_server_metadata(client):
    metadata = client.get_server_metadata(as_json=True)
    assert metadata["name"] == "reference-server", metadata
    assert "binary_tensor_data" in metadata["extensions"], metadata


def check_model_metadata_and_configuration(client):
    for op, data_type in samples():
        name = f"{op}_{data_type}"
        metadata = client.get_model_metadata(name)
        assert metadata.name == name and list(metadata.versions) == ["1"], metadata
        assert metadata.platform == "onnxruntime_onnx", metadata
        x, second = metadata.inputs
        assert (x.name, x.datatype, list(x.shape)) == ("x", data_type.upper(), [-1, COLUMNS]), x
        assert second.name == SECOND_INPUT[op], second
        assert metadata.outputs[0].name == "y", metadata
        config = client.get_model_config(name).config
        assert config.backend == "onnxruntime" and config.max_batch_size == 0, config
        as_json = client.get_model_config(name, as_json=True)["config"]
        assert as_json["input"][0]["data_type"] == f"TYPE_{data_type.upper()}", as_json
    assert client.get_model_config("small").config.max_batch_size == 8


def check_tensors(client):
    for op, data_type in samples():
        for rows in (1, 5, 1000):
            infer(client, op, data_type, rows, seed=rows)


def check_large_tensors(client):
    x = np.random.default_rng(3).uniform(-4, 4, (100_000, COLUMNS)).astype(np.float32)
    bias = np.zeros(COLUMNS, np.float32)
    result = client.infer("bias_gelu_fp32", inputs_of("bias_gelu", x, bias))
    assert result.as_numpy("y").shape == x.shape


def check_default_outputs_and_id(client):
    x, second = sample_inputs("modulo", "int64", 3)
    result = client.infer(
        "modulo_int64", inputs_of("modulo", x, second)[::-1], request_id="mixed", priority=1,
        timeout=10_000_000,
    )
    compare(result.as_numpy("y"), expected("modulo", x, second), "int64")
    response = result.get_response()
    assert response.id == "mixed" and response.model_name == "modulo_int64", response
    assert response.model_version == "1", response


def check_data_dependent_output(client):
    for data_type in ("fp32", "fp16"):
        x, threshold = sample_inputs("select_above", data_type, 4)
        for value, length in ((-100, x.size), (100, 0)):
            threshold[0] = value
            result = client.infer(
                f"select_above_{data_type}", inputs_of("select_above", x, threshold)
            )
            assert result.as_numpy("y").size == length, result.get_response()
            assert list(result.get_output("y").shape) == [length], result.get_response()


def check_byte_strings(client):
    for elements in ([b"", b"a\0\xff", "zw\u00f6lf".encode()], [b"x" * 100_000], []):
        array = np.array(elements, dtype=np.object_)
        given = grpc.InferInput("x", list(array.shape), "BYTES")
        given.set_data_from_numpy(array)
        result = client.infer("strings", [given])
        assert list(result.as_numpy("y")) == elements, result.as_numpy("y")


def check_compression(client):
    for algorithm in (None, "gzip", "deflate"):
        infer(client, "bias_gelu", "fp32", 40, compression_algorithm=algorithm)


def check_wrong_inputs(client):
    x, bias = sample_inputs("bias_gelu", "fp32", 2)
    good = tensor("x", x)
    ask = lambda model, inputs, **more: lambda: client.infer(model, inputs, **more)
    name = "bias_gelu_fp32"
    invalid = "INVALID_ARGUMENT"
    refused(
        "NOT_FOUND", ask("nobody", [good]), "Request for unknown model: 'nobody' is not found"
    )
    refused("NOT_FOUND", ask(name, [good], model_version="7"), "version 7 is not found")
    refused(invalid, ask(name, [good]), "expected 2 inputs but got 1 inputs", "bias")
    refused(invalid, ask(name, [good, tensor("bogus", bias)]), "'bogus'")
    refused(
        invalid,
        ask(name, [tensor("x", x.astype(np.int32)), tensor("bias", bias)]),
        "INT32",
        "'x'",
    )
    refused(
        invalid,
        ask(name, [tensor("x", x[:, :7].copy()), tensor("bias", bias)]),
        "unexpected shape for input 'x'",
        "[-1,24]",
        "[2,7]",
    )
    refused(
        invalid,
        ask(name, [good, tensor("bias", bias)], outputs=[grpc.InferRequestedOutput("z")]),
        "unexpected inference output 'z'",
    )
    rows = np.zeros((9, 16), np.float32)
    refused(invalid, ask("small", [tensor("x", rows)]), "batch-size must be <= 8")
    refused("NOT_FOUND", lambda: client.get_model_metadata("nobody"), "'nobody'")
    refused(invalid, lambda: client.load_model("nobody"), "failed to load 'nobody'")
    # After all of that a good request is served, over the same connection.
    infer(client, "bias_gelu", "fp32", 2)


def check_repository(client):
    def index():
        return {model.name: model for model in client.get_model_repository_index().models}

    assert index()["small"].state == "READY" and index()["small"].version == "1", index()
    assert index()["idle"].state == "", index()
    x = np.zeros((1, 16), np.float32)
    ask = lambda: client.infer("idle", [tensor("x", x)])
    refused("NOT_FOUND", ask, "'idle' is not found")
    client.load_model("idle")
    assert client.is_model_ready("idle")
    ask()
    library = client.get_model_config("small").config.model_operations.op_library_filename[0]
    client.load_model("idle", config='{"backend": "onnxruntime", "max_batch_size": 2, '
                      '"model_operations": {"op_library_filename": ["%s"]}}' % library)
    assert client.get_model_config("idle").config.max_batch_size == 2
    client.unload_model("idle")
    assert not client.is_model_ready("idle")
    refused("NOT_FOUND", ask, "'idle' has no available versions")


def check_models_from_files(client):
    x = np.zeros((1, 16), np.float32)
    ask = lambda: client.infer("guest", [tensor("x", x)]).as_numpy("y")
    library = client.get_model_config("small").config.model_operations.op_library_filename[0]
    config = '{"max_batch_size": 8, "model_operations": {"op_library_filename": ["%s"]}}' % library
    files = {"file:3/model.onnx": MODEL_FILE.read_bytes()}
    client.load_model("guest", config=config, files=files)
    assert client.is_model_ready("guest", "3")
    compare(ask(), client.infer("small", [tensor("x", x)]).as_numpy("y"), "fp32")
    invalid = "INVALID_ARGUMENT"
    broken = {"file:3/model.onnx": b"nothing"}
    refused(
        invalid,
        lambda: client.load_model("guest", config=config, files=broken),
        "load failed for model 'guest': version 3",
    )
    refused(
        invalid,
        lambda: client.load_model("guest", files=files),
        "requires parameter 'config'",
    )
    outside = {"file:../model.onnx": MODEL_FILE.read_bytes()}
    refused(
        invalid,
        lambda: client.load_model("guest", config=config, files=outside),
        "must stay within model directory",
    )
    ask()
    client.unload_model("guest")
    assert not client.is_model_ready("guest")
    refused(invalid, lambda: client.load_model("guest"), "failed to load 'guest'")
    # A model of the repository is replaced, and comes back.
    client.load_model("idle", config=config, files=files)
    assert client.is_model_ready("idle", "3") and not client.is_model_ready("idle", "1")
    client.load_model("idle")
    assert client.is_model_ready("idle", "1") and not client.is_model_ready("idle", "3")
    client.unload_model("idle")


def check_statistics(client):
    count = lambda: client.get_inference_statistics("rms_norm_fp32").model_stats[0]
    before = count()
    for _ in range(4):
        infer(client, "rms_norm", "fp32", 2)
    after = count()
    assert after.inference_count - before.inference_count == 4, after
    assert after.execution_count - before.execution_count == 4, after
    counted = after.inference_stats.success.count - before.inference_stats.success.count
    assert counted == 4, after
    names = {model.name for model in client.get_inference_statistics().model_stats}
    assert {"small", "rms_norm_fp32"} <= names, names


def check_asynchronous_requests(client):
    answers = queue.Queue()
    wanted = []
    for number in range(40):
        op, data_type = samples()[number % len(samples())]
        x, second = sample_inputs(op, data_type, 3, seed=number)
        wanted.append((expected(op, x, second), data_type))
        client.async_infer(
            f"{op}_{data_type}",
            inputs_of(op, x, second),
            lambda result, error: answers.put((result, error)),
            request_id=str(number),
        )
    for _ in wanted:
        result, error = answers.get(timeout=DEADLINE)
        assert error is None, error
        compare(result.as_numpy("y"), *wanted[int(result.get_response().id)])


def check_streaming(client):
    """Requests of several models over one call; the answers keep the order."""
    answers = queue.Queue()
    client.start_stream(lambda result, error: answers.put((result, error)))
    try:
        wanted = []
        for number in range(60):
            op, data_type = samples()[number % len(samples())]
            x, second = sample_inputs(op, data_type, 3, seed=number)
            # A model that does not exist fails one request and not the call.
            exists = number % 7 != 3
            wanted.append((exists, expected(op, x, second), data_type))
            client.async_stream_infer(
                f"{op}_{data_type}" if exists else "nobody",
                inputs_of(op, x, second),
                request_id=str(number),
                enable_empty_final_response=number % 2 == 0,
            )
        for number, (exists, values, data_type) in enumerate(wanted):
            result, error = answers.get(timeout=DEADLINE)
            if not exists:
                assert isinstance(error, InferenceServerException), error
                assert "Request for unknown model: 'nobody'" in error.message(), error
                continue
            assert error is None, error
            response = result.get_response()
            assert response.id == str(number), response
            assert response.parameters["triton_final_response"].bool_param, response
            compare(result.as_numpy("y"), values, data_type)
    finally:
        client.stop_stream()


def check_concurrent_clients(_):
    def work(seed):
        with grpc.InferenceServerClient(URL, **SECURITY) as client:
            for round in range(10):
                op, data_type = samples()[(seed + round) % len(samples())]
                infer(client, op, data_type, 1 + round, seed=seed * 100 + round)
        return seed

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(work, range(8))) == list(range(8))


def check_batched_requests(client):
    """Requests of several rows are joined, and each gets its own rows back."""
    answers = queue.Queue()
    rows = [np.full((count, 16), count, np.float32) for count in (1, 2, 3)] * 10
    for number, x in enumerate(rows):
        client.async_infer(
            "small",
            [tensor("x", x)],
            lambda result, error: answers.put((result, error)),
            request_id=str(number),
        )
    alone = {len(x): client.infer("small", [tensor("x", x)]).as_numpy("y") for x in rows[:3]}
    for _ in rows:
        result, error = answers.get(timeout=DEADLINE)
        assert error is None, error
        x = rows[int(result.get_response().id)]
        np.testing.assert_array_equal(result.as_numpy("y"), alone[len(x)])
    statistics = client.get_inference_statistics("small").model_stats[0]
    assert statistics.execution_count < statistics.inference_count, statistics


def check_keep_alive(_):
    options = grpc.KeepAliveOptions(
        keepalive_time_ms=200, keepalive_timeout_ms=1000, keepalive_permit_without_calls=True
    )
    with grpc.InferenceServerClient(URL, keepalive_options=options, **SECURITY) as client:
        for _ in range(3):
            infer(client, "bias_gelu", "fp32", 2)


def check_shared_memory(client):
    regions.check(grpc, client, lambda status: set(status.regions))


def check_classification(client):
    x = np.zeros((2, 16), np.float32)
    x[0, 3], x[1, 7] = 90, 80
    output = grpc.InferRequestedOutput("y", class_count=2)
    result = client.infer("small", [tensor("x", x)], outputs=[output]).as_numpy("y")
    assert result.shape == (2, 2), result
    assert result[0, 0].endswith(b":3") and result[1, 0].endswith(b":7"), result


def check_settings(client):
    rate = lambda told: list(told.settings["trace_rate"].value)
    assert rate(client.update_trace_settings("small", settings={"trace_rate": "7"})) == ["7"]
    assert rate(client.get_trace_settings()) == ["1000"]
    client.update_trace_settings("small", settings={"trace_rate": None})
    assert rate(client.get_trace_settings("small")) == ["1000"]
    level = lambda told: told.settings["log_verbose_level"].uint32_param
    assert level(client.update_log_settings({"log_verbose_level": 1})) == 1
    client.update_log_settings({"log_verbose_level": 0})
    assert level(client.get_log_settings()) == 0


def check_asyncio_client(_):
    async def work():
        async with aio.InferenceServerClient(URL, **SECURITY) as client:
            assert await client.is_server_ready()
            for op, data_type in samples():
                x, second = sample_inputs(op, data_type, 4)
                result = await client.infer(f"{op}_{data_type}", inputs_of(op, x, second))
                compare(result.as_numpy("y"), expected(op, x, second), data_type)

    asyncio.run(work())


def check_encryption(_):
    """Whoever does not do as the server does is not served."""
    client = lambda **arguments: lambda: grpc.InferenceServerClient(URL, **arguments)
    if not CERTIFICATES:
        return unserved(client(ssl=True))
    unserved(client())
    # It does not know the server's authority, or shows no certificate.
    unserved(client(ssl=True))
    unserved(client(ssl=True, root_certificates=CERTIFICATES[0]))


if __name__ == "__main__":
    with grpc.InferenceServerClient(URL, **SECURITY) as client:
        run_checks(globals(), client)
