"""The sample models that a server is asked about, and the checks' judge.

The server is in explicit mode. Its repository holds a model of each sample op and data type,
`[-1, 24]` with the second operand as an input, and `small`: BiasGelu, fp32, `[-1, 16]`, its bias a
constant, up to 8 rows a batch. `idle`, the same, is not loaded. `strings` returns the byte strings
that it gets. The environment names the model file of `small` in MODEL_FILE.
"""

import math
import os
import sys
import traceback
from pathlib import Path

import numpy as np
import tritonclient
from tritonclient.utils import InferenceServerException, triton_to_np_dtype

COLUMNS = 24
# The model file of `small`, which a client sends.
MODEL_FILE = Path(os.environ["MODEL_FILE"])
# Authority, certificate and private key of a client, where the server speaks TLS and wants to see them.
CERTIFICATES = sys.argv[2:5]
OPS = {
    "bias_gelu": ["fp32", "fp16"],
    "rms_norm": ["fp32", "fp16"],
    "modulo": ["fp32", "fp16", "int32", "int64"],
    "select_above": ["fp32", "fp16"],
}
SECOND_INPUT = {
    "bias_gelu": "bias",
    "rms_norm": "weight",
    "modulo": "divisor",
    "select_above": "threshold",
}
# Absolute and relative tolerance: some units in the last place.
TOLERANCE = {"fp32": (1e-6, 2e-6), "fp16": (1e-6, 1e-3), "int32": (0, 0), "int64": (0, 0)}


def samples():
    """(op, data type) of each sample model."""
    return [(op, data_type) for op, data_types in OPS.items() for data_type in data_types]


def sample_inputs(op, data_type, rows, seed=1):
    """The two operands of a sample model."""
    random = np.random.default_rng(seed)
    kind = triton_to_np_dtype(data_type.upper())
    if data_type.startswith("int"):
        x = random.integers(-1000, 1000, (rows, COLUMNS)).astype(kind)
        return x, random.integers(1, 50, (rows, COLUMNS)).astype(kind)
    x = random.uniform(-4, 4, (rows, COLUMNS)).astype(kind)
    shape = {"modulo": (rows, COLUMNS), "select_above": (1,)}.get(op, (COLUMNS,))
    return x, random.uniform(0.5, 2, shape).astype(kind)


def expected(op, x, second):
    """What the model answers, computed in double precision and rounded once."""
    kind = x.dtype
    if kind.kind == "f":
        x, second = x.astype(np.float64), second.astype(np.float64)
    if op == "bias_gelu":
        shifted = x + second
        result = 0.5 * shifted * np.vectorize(math.erfc)(-shifted / math.sqrt(2))
    elif op == "rms_norm":
        result = x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + 1e-5) * second
    elif op == "modulo":
        result = np.mod(x, second)
    else:
        result = x[x > second[0]]
    return result.astype(kind)


def compare(actual, wanted, data_type):
    absolute, relative = TOLERANCE[data_type]
    assert actual.dtype == wanted.dtype, f"{actual.dtype} in place of {wanted.dtype}"
    assert actual.shape == wanted.shape, f"{actual.shape} in place of {wanted.shape}"
    np.testing.assert_allclose(
        actual.astype(np.float64), wanted.astype(np.float64), rtol=relative, atol=absolute
    )


def refusal(action, *texts):
    """The exception that `action` must raise; its message contains `texts`."""
    try:
        action()
    except InferenceServerException as error:
        for text in texts:
            assert text in error.message(), f"no {text!r} in {error.message()!r}"
        return error
    raise AssertionError(f"not refused, expected {texts}")


def unserved(client):
    """A client that the server must not let in."""
    try:
        with client() as opened:
            opened.is_server_live()
    except Exception:
        return
    raise AssertionError("the server let it in")


def run_checks(names, client):
    """Runs each function named `check_…` in `names`; the exit status is 1 where one failed."""
    print(f"tritonclient {tritonclient.__version__ if hasattr(tritonclient, '__version__') else ''}"
          f" with NumPy {np.__version__}")
    failed = []
    for name, check in list(names.items()):
        if name.startswith("check_"):
            try:
                check(client)
                print(f"{name}: passed", flush=True)
            except Exception:
                failed.append(name)
                print(f"{name}: failed\n{traceback.format_exc()}", flush=True)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")
