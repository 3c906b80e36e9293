"""SubscriptionService put together: plans, subscriptions and their invoices."""

from __future__ import annotations

from daira.payments.v1 import subscription_service_pb2, subscription_service_pb2_grpc
from services.payments.adapters.postgres.plans import PostgresPlans
from services.payments.adapters.postgres.subscriptions import PostgresSubscriptions
from services.payments.adapters.postgres.wallets import PostgresWallets
from services.payments.application.manage_plans import ManagePlans
from services.payments.application.manage_subscriptions import ManageSubscriptions
from services.payments.application.read_subscriptions import ReadSubscriptions
from services.payments.composition.machines import billing_rules
from services.payments.composition.part import Ground, Part
from services.payments.composition.sagas import saga_runner, saga_store
from services.payments.rpc.subscription_servicer import SubscriptionServicer


def subscriptions_part(ground: Ground) -> Part:
    """Plans of creators and subscriptions to them."""
    settings, pool = ground.settings, ground.pool
    sagas = saga_store(ground)
    runner = saga_runner(ground, sagas)
    plans, subscriptions = PostgresPlans(pool), PostgresSubscriptions(pool)
    return Part(
        subscription_service_pb2.DESCRIPTOR.services_by_name["SubscriptionService"],
        subscription_service_pb2_grpc.add_SubscriptionServiceServicer_to_server,
        SubscriptionServicer(
            ManagePlans(plans, raise_notice=billing_rules(settings.billing).remind_before),
            ManageSubscriptions(sagas, runner, plans, subscriptions, PostgresWallets(pool)),
            ReadSubscriptions(subscriptions),
            ground.page_tokens,
        ),
    )
