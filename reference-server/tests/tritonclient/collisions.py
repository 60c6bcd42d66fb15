"""Asks models whose op libraries register the same op and compares with NumPy.

Usage: collisions.py HOST:PORT MODEL...

Each model is BiasGelu, fp32, `[-1, 24]`, with the bias as an input. A model's name ends in `_` and
the number that its library adds to each result. Every pair of models is asked in turn, several
times; the exit status is 1 where a value is wrong.
"""

import math
import sys

import numpy as np
import tritonclient.http as http

URL, MODELS = sys.argv[1], sys.argv[2:]
ROUNDS = 3


def tensor(name, array):
    """An input of a request."""
    given = http.InferInput(name, list(array.shape), "FP32")
    given.set_data_from_numpy(array)
    return given


def check(client, model, seed):
    """Asks `model` once and compares all values."""
    random = np.random.default_rng(seed)
    x = random.uniform(-4, 4, (3, 24)).astype(np.float32)
    bias = random.uniform(0.5, 2, (24,)).astype(np.float32)
    output = client.get_model_metadata(model)["outputs"][0]["name"]
    answer = client.infer(model, [tensor("x", x), tensor("bias", bias)]).as_numpy(output)
    shifted = x.astype(np.float64) + bias.astype(np.float64)
    gelu = 0.5 * shifted * np.vectorize(math.erfc)(-shifted / math.sqrt(2))
    signature = int(model.rsplit("_", 1)[1])
    expected = gelu.astype(np.float32) + np.float32(signature)
    np.testing.assert_allclose(answer, expected, rtol=2e-6, atol=2e-6)


with http.InferenceServerClient(URL) as connection:
    for seed in range(ROUNDS):
        for model in MODELS:
            check(connection, model, seed)
for model in MODELS:
    print(f"{model}: passed")
