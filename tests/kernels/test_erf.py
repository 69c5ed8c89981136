"""The error function and the Gaussian inside kernels."""

from __future__ import annotations

import numpy as np
from scipy.special import erf

from mineeco_xr.kernels.erf import erf_and_gaussian

X = np.linspace(-40, 40, 800_001)


def test_single_is_off_by_less_than_stated():
    x = X.astype("float32")
    errors, bells = erf_and_gaussian(x)
    exact = x.astype("float64")
    assert errors.dtype == bells.dtype == np.float32
    assert np.abs(errors - erf(exact)).max() < 4e-7
    assert np.abs(bells - np.exp(-exact * exact)).max() < 8.5e-7
    assert (np.sign(errors) == np.sign(x)).all()


def test_double_is_off_by_less_than_stated():
    errors, bells = erf_and_gaussian(X)
    np.testing.assert_allclose(errors, erf(X), rtol=0, atol=2e-13)
    np.testing.assert_allclose(bells, np.exp(-X * X), rtol=0, atol=2e-13)
