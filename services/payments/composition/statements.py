"""StatementService put together."""

from __future__ import annotations

from daira.payments.v1 import statement_service_pb2, statement_service_pb2_grpc
from services.payments.adapters.postgres.statements import PostgresStatements
from services.payments.application.read_statement import ReadStatement
from services.payments.composition.ledger import ledger_chores
from services.payments.composition.part import Ground, Part
from services.payments.rpc.statement_servicer import StatementServicer


def statements_part(ground: Ground) -> Part:
    """Statements of wallets, and what runs beside the ledger that they are of."""
    return Part(
        statement_service_pb2.DESCRIPTOR.services_by_name["StatementService"],
        statement_service_pb2_grpc.add_StatementServiceServicer_to_server,
        StatementServicer(ReadStatement(PostgresStatements(ground.pool), ground.clock), ground.page_tokens),
        chores=ledger_chores(ground),
    )
