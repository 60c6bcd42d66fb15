"""Drives a server with the unmodified tritonclient over HTTP and compares with NumPy.

Usage: check_http.py HOST:PORT [AUTHORITY CERTIFICATE KEY]

`samples.py` says what the server has. Each function named `check_…` is one check; all of them run, and
the exit status is 1 where one failed.
"""

import asyncio
import ssl
import sys
from concurrent.futures import ThreadPoolExecutor

import gevent.ssl
import numpy as np
import tritonclient.http as http
import tritonclient.http.aio as aio
from tritonclient.utils import np_to_triton_dtype

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
    OPTIONS = dict(zip(("ca_certs", "certfile", "keyfile"), CERTIFICATES))
    SECURITY = {"ssl": True, "ssl_options": OPTIONS}


def context(make):
    """A context of TLS with the client's certificate."""
    made = make(cafile=CERTIFICATES[0])
    made.load_cert_chain(*CERTIFICATES[1:])
    return made


def tensor(name, array, binary=True):
    """An input of a request."""
    given = http.InferInput(name, list(array.shape), np_to_triton_dtype(array.dtype))
    given.set_data_from_numpy(array, binary_data=binary)
    return given


def infer(client, op, data_type, rows, binary=True, seed=1, **arguments):
    """One inference on a sample model, checked."""
    x, second = sample_inputs(op, data_type, rows, seed)
    result = client.infer(
        f"{op}_{data_type}",
        [tensor("x", x, binary), tensor(SECOND_INPUT[op], second, binary)],
        outputs=[http.InferRequestedOutput("y", binary_data=binary)],
        **arguments,
    )
    compare(result.as_numpy("y"), expected(op, x, second), data_type)
    return result


def check_health(client):
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("small")
    assert client.is_model_ready("small", "1")
    assert not client.is_model_ready("small", "2")
    assert not client.is_model_ready("nobody")


def check_server_metadata(client):
    metadata = client.get_server_metadata()
    assert metadata["name"] == "reference-server", metadata
    assert "binary_tensor_data" in metadata["extensions"], metadata


def check_model_metadata_and_configuration(client):
    for op, data_type in samples():
        name = f"{op}_{data_type}"
        metadata = client.get_model_metadata(name)
        assert metadata["name"] == name and metadata["versions"] == ["1"], metadata
        assert metadata["platform"] == "onnxruntime_onnx", metadata
        x, second = metadata["inputs"]
        assert x == {"name": "x", "datatype": data_type.upper(), "shape": [-1, COLUMNS]}, x
        assert second["name"] == SECOND_INPUT[op], second
        assert metadata["outputs"][0]["name"] == "y", metadata
        config = client.get_model_config(name)
        assert config["backend"] == "onnxruntime" and config["max_batch_size"] == 0, config
        assert config["input"][0]["data_type"] == f"TYPE_{data_type.upper()}", config
    assert client.get_model_config("small")["max_batch_size"] == 8


def check_binary_tensors(client):
    for op, data_type in samples():
        for rows in (1, 5, 1000):
            infer(client, op, data_type, rows, seed=rows)


def check_json_tensors(client):
    for op, data_type in samples():
        if data_type == "fp16":
            x, second = sample_inputs(op, data_type, 2)
            # The client itself refuses half precision in JSON as an input; as an output the
            # server has to.
            refusal(
                lambda: client.infer(
                    f"{op}_{data_type}",
                    [tensor("x", x), tensor(SECOND_INPUT[op], second)],
                    outputs=[http.InferRequestedOutput("y", binary_data=False)],
                ),
                "FP16",
                "'y'",
            )
        else:
            infer(client, op, data_type, 5, binary=False)


def check_mixed_tensors_and_default_outputs(client):
    x, second = sample_inputs("modulo", "int64", 3)
    result = client.infer(
        "modulo_int64", [tensor("divisor", second, False), tensor("x", x, True)], request_id="mixed"
    )
    compare(result.as_numpy("y"), expected("modulo", x, second), "int64")
    response = result.get_response()
    assert response["id"] == "mixed" and response["model_name"] == "modulo_int64", response


def check_data_dependent_output(client):
    for data_type in ("fp32", "fp16"):
        x, threshold = sample_inputs("select_above", data_type, 4)
        for value, length in ((-100, x.size), (100, 0)):
            threshold[0] = value
            result = client.infer(
                f"select_above_{data_type}", [tensor("x", x), tensor("threshold", threshold)]
            )
            selected = result.as_numpy("y")
            # The client gives None for a tensor without a byte.
            assert (0 if selected is None else selected.size) == length, selected
            assert result.get_output("y")["shape"] == [length], result.get_response()


def check_compression(client):
    for sent in (None, "gzip", "deflate"):
        for received in (None, "gzip", "deflate"):
            for binary in (True, False):
                infer(
                    client,
                    "bias_gelu",
                    "fp32",
                    40,
                    binary=binary,
                    request_compression_algorithm=sent,
                    response_compression_algorithm=received,
                )


def check_wrong_inputs(client):
    x, bias = sample_inputs("bias_gelu", "fp32", 2)
    good = tensor("x", x)
    ask = lambda model, inputs, **more: lambda: client.infer(model, inputs, **more)
    name = "bias_gelu_fp32"
    unknown = refusal(ask("nobody", [good]), "Request for unknown model: 'nobody' is not found")
    assert unknown.status() in ("404", None), unknown
    refusal(ask(name, [good], model_version="7"), "version 7 is not found")
    refusal(ask(name, [good]), "expected 2 inputs but got 1 inputs", "bias")
    refusal(ask(name, [good, tensor("bogus", bias)]), "'bogus'")
    refusal(ask(name, [tensor("x", x.astype(np.int32)), tensor("bias", bias)]), "INT32", "'x'")
    refusal(
        ask(name, [tensor("x", x[:, :7].copy()), tensor("bias", bias)]),
        "unexpected shape for input 'x'",
        "[-1,24]",
        "[2,7]",
    )
    refusal(
        ask(name, [good, tensor("bias", bias)], outputs=[http.InferRequestedOutput("z")]),
        "unexpected inference output 'z'",
    )
    rows = np.zeros((9, 16), np.float32)
    refusal(ask("small", [tensor("x", rows)]), "batch-size must be <= 8")
    refusal(lambda: client.get_model_metadata("nobody"), "'nobody'")
    refusal(lambda: client.load_model("nobody"), "failed to load 'nobody'")
    # After all of that a good request is served, over the same connections.
    infer(client, "bias_gelu", "fp32", 2)


def check_repository(client):
    index = {entry["name"]: entry for entry in client.get_model_repository_index()}
    assert index["small"]["state"] == "READY" and index["small"]["version"] == "1", index
    assert "state" not in index["idle"], index
    x = np.zeros((1, 16), np.float32)
    ask = lambda: client.infer("idle", [tensor("x", x)])
    refusal(ask, "'idle' is not found")
    client.load_model("idle")
    assert client.is_model_ready("idle")
    ask()
    client.load_model("idle", config='{"backend": "onnxruntime", "max_batch_size": 2, '
                      '"model_operations": {"op_library_filename": ["%s"]}}' % library(client))
    assert client.get_model_config("idle")["max_batch_size"] == 2
    client.unload_model("idle")
    assert not client.is_model_ready("idle")
    refusal(ask, "'idle' has no available versions")


def check_models_from_files(client):
    x = np.zeros((1, 16), np.float32)
    ask = lambda: client.infer("guest", [tensor("x", x)]).as_numpy("y")
    config = '{"max_batch_size": 8, "model_operations": {"op_library_filename": ["%s"]}}' % library(client)
    files = {"file:3/model.onnx": MODEL_FILE.read_bytes()}
    client.load_model("guest", config=config, files=files)
    assert client.is_model_ready("guest", "3")
    compare(ask(), client.infer("small", [tensor("x", x)]).as_numpy("y"), "fp32")
    broken = {"file:3/model.onnx": b"nothing"}
    refusal(
        lambda: client.load_model("guest", config=config, files=broken),
        "load failed for model 'guest': version 3",
    )
    refusal(lambda: client.load_model("guest", files=files), "requires parameter 'config'")
    outside = {"file:../model.onnx": MODEL_FILE.read_bytes()}
    refusal(
        lambda: client.load_model("guest", config=config, files=outside),
        "must stay within model directory",
    )
    ask()
    client.unload_model("guest")
    assert not client.is_model_ready("guest")
    refusal(lambda: client.load_model("guest"), "failed to load 'guest'")
    # A model of the repository is replaced, and comes back.
    client.load_model("idle", config=config, files=files)
    assert client.is_model_ready("idle", "3") and not client.is_model_ready("idle", "1")
    client.load_model("idle")
    assert client.is_model_ready("idle", "1") and not client.is_model_ready("idle", "3")
    client.unload_model("idle")


def library(client):
    return client.get_model_config("small")["model_operations"]["op_library_filename"][0]


def check_statistics(client):
    count = lambda: client.get_inference_statistics("rms_norm_fp32")["model_stats"][0]
    before = count()
    for _ in range(4):
        infer(client, "rms_norm", "fp32", 2)
    after = count()
    assert after["inference_count"] - before["inference_count"] == 4, after
    assert after["execution_count"] - before["execution_count"] == 4, after
    success = after["inference_stats"]["success"]
    assert success["count"] - before["inference_stats"]["success"]["count"] == 4, after
    names = {model["name"] for model in client.get_inference_statistics()["model_stats"]}
    assert {"small", "rms_norm_fp32"} <= names, names


def check_asynchronous_requests(client):
    pending = []
    for number in range(40):
        op, data_type = samples()[number % len(samples())]
        x, second = sample_inputs(op, data_type, 3, seed=number)
        inputs = [tensor("x", x), tensor(SECOND_INPUT[op], second)]
        request = client.async_infer(f"{op}_{data_type}", inputs)
        pending.append((request, expected(op, x, second), data_type))
    for request, wanted, data_type in pending:
        compare(request.get_result().as_numpy("y"), wanted, data_type)


def check_concurrent_clients(_):
    def work(seed):
        # A client belongs to one thread.
        with http.InferenceServerClient(URL, **SECURITY) as client:
            for round in range(10):
                op, data_type = samples()[(seed + round) % len(samples())]
                infer(client, op, data_type, 1 + round, seed=seed * 100 + round)
        return seed

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(work, range(8))) == list(range(8))


def check_batched_requests(client):
    """Requests of several rows and clients are joined, and each gets its own rows back."""
    rows = [np.full((count, 16), count, np.float32) for count in (1, 2, 3)] * 10
    pending = [client.async_infer("small", [tensor("x", x)]) for x in rows]
    alone = {len(x): client.infer("small", [tensor("x", x)]).as_numpy("y") for x in rows[:3]}
    for x, request in zip(rows, pending):
        np.testing.assert_array_equal(request.get_result().as_numpy("y"), alone[len(x)])
    statistics = client.get_inference_statistics("small")["model_stats"][0]
    assert statistics["execution_count"] < statistics["inference_count"], statistics


def check_shared_memory(client):
    regions.check(http, client, lambda status: {region["name"] for region in status})


def check_classification(client):
    x = np.zeros((2, 16), np.float32)
    x[0, 3], x[1, 7] = 90, 80
    for binary in (True, False):
        output = http.InferRequestedOutput("y", binary_data=binary, class_count=2)
        result = client.infer("small", [tensor("x", x)], outputs=[output]).as_numpy("y")
        assert result.shape == (2, 2), result
        first = [row[0].decode() if isinstance(row[0], bytes) else row[0] for row in result]
        assert first[0].endswith(":3") and first[1].endswith(":7"), result


def check_settings(client):
    changed = client.update_trace_settings("small", settings={"trace_rate": "7"})
    assert changed["trace_rate"] == "7" and changed["trace_level"] == ["OFF"], changed
    assert client.get_trace_settings()["trace_rate"] == "1000"
    client.update_trace_settings("small", settings={"trace_rate": None})
    assert client.get_trace_settings("small")["trace_rate"] == "1000"
    assert client.update_log_settings({"log_verbose_level": 1})["log_verbose_level"] == 1
    client.update_log_settings({"log_verbose_level": 0})
    assert client.get_log_settings()["log_verbose_level"] == 0


def check_asyncio_client(_):
    async def work():
        security = {}
        if CERTIFICATES:
            made = context(ssl.create_default_context)
            security = {"ssl": True, "ssl_context": made}
        async with aio.InferenceServerClient(URL, **security) as client:
            assert await client.is_server_ready()
            for op, data_type in samples():
                x, second = sample_inputs(op, data_type, 4)
                inputs = [tensor("x", x), tensor(SECOND_INPUT[op], second)]
                result = await client.infer(f"{op}_{data_type}", inputs)
                compare(result.as_numpy("y"), expected(op, x, second), data_type)

    asyncio.run(work())


def check_encryption(_):
    """Whoever does not do as the server does is not served."""
    client = lambda **arguments: lambda: http.InferenceServerClient(URL, **arguments)
    if not CERTIFICATES:
        return unserved(client(ssl=True, insecure=True))
    made = context(gevent.ssl.create_default_context)
    with client(ssl=True, ssl_context_factory=lambda **_: made)() as good:
        infer(good, "bias_gelu", "fp32", 2)
    unserved(client())
    # It does not know the server's authority, or shows no certificate.
    unserved(client(ssl=True))
    unserved(client(ssl=True, ssl_options={"ca_certs": CERTIFICATES[0]}))


if __name__ == "__main__":
    with http.InferenceServerClient(URL, concurrency=8, **SECURITY) as client:
        run_checks(globals(), client)
