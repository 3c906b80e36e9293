"""Signatures with exactly one algorithm, by the name the house emits."""

from __future__ import annotations

from typing import Any

from joserfc.errors import UnsupportedAlgorithmError
from joserfc.jws import JWSRegistry


class OneAlgorithm(JWSRegistry):
    """Signs and verifies with one algorithm, by the name the house emits.

    joserfc warns at every use of "EdDSA", whose new name other verifiers do not know yet, and looks its registry up
    anew at every call; this does neither.
    """

    def __init__(self, algorithm: str) -> None:
        super().__init__(algorithms=[algorithm])
        self._name = algorithm
        self._model = JWSRegistry.algorithms[algorithm]

    def get_alg(self, name: str) -> Any:
        """The algorithm; UnsupportedAlgorithmError for every other name."""
        if name != self._name:
            raise UnsupportedAlgorithmError(name)
        return self._model
