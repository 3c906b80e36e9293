"""Which provider does what: by the rail, and whether money comes in or goes out."""

from __future__ import annotations

from collections.abc import Mapping

from services.chassis.errors import AppError
from services.payments.application.saga_ports import Providers
from services.payments.domain.providers import NO_ANSWER, Operation, OperationKind, OperationState, ProviderAnswer, Rail


class RoutedProviders:
    """Providers of money in (and its refunds) and of money out, each by rail; a rail without one declines."""

    def __init__(self, incoming: Mapping[Rail, Providers], outgoing: Mapping[Rail, Providers]) -> None:
        self._incoming = incoming
        self._outgoing = outgoing

    async def send(self, operation: Operation) -> ProviderAnswer:
        """Do it; declined where nobody serves the rail, or where its destination is gone."""
        provider = self._of(operation)
        if provider is None:
            return ProviderAnswer(OperationState.DECLINED, reason=f"nobody serves {operation.rail.value}")
        try:
            return await provider.send(operation)
        except AppError as error:
            # Nothing was asked: either what it goes to is gone for good, or the database is away.
            if error.reason == "DESTINATION_NOT_FOUND":
                return ProviderAnswer(OperationState.DECLINED, reason="the destination is gone")
            return NO_ANSWER

    async def inquire(self, operation: Operation) -> ProviderAnswer:
        """What became of it; where nobody serves the rail any more, nobody can tell."""
        provider = self._of(operation)
        return NO_ANSWER if provider is None else await provider.inquire(operation)

    def _of(self, operation: Operation) -> Providers | None:
        table = self._outgoing if operation.kind is OperationKind.PAYOUT else self._incoming
        return table.get(operation.rail)
