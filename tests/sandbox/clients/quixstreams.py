"""Calls everything that Quix Streams reads from the Portal API, and creates a Kafka client with the settings."""

import json
import os

from confluent_kafka import Producer
from quixstreams.platforms.quix import (
    MultipleWorkspaces,
    QuixApiRequestFailure,
    QuixKafkaConfigsBuilder,
    QuixPortalApiService,
)

URL, PAT, SDK_TOKEN = (os.environ[name] for name in ("URL", "PAT", "SDK_TOKEN"))
HAS_CERTIFICATE = os.environ["HAS_CERTIFICATE"] == "true"
DEV, PROD = "acme-shop-dev", "acme-shop-prod"


def portal(token, workspace=None):
    return QuixPortalApiService(auth_token=token, portal_api=URL, default_workspace_id=workspace)


def builder(token, workspace=None):
    return QuixKafkaConfigsBuilder.from_credentials(token, URL, workspace)


def rejection(call, *arguments):
    try:
        answer = call(*arguments)
    except QuixApiRequestFailure as failure:
        return failure.status_code
    raise AssertionError(f"it succeeds: {answer}")


for token, visible in ((PAT, [DEV, PROD]), (SDK_TOKEN, [DEV])):
    api = portal(token, DEV)
    assert [workspace["workspaceId"] for workspace in api.get_workspaces()] == visible
    workspace = api.get_workspace()
    assert workspace["workspaceId"] == DEV
    settings = api.get_librdkafka_connection_config()
    assert settings["bootstrap.servers"] == workspace["broker"]["address"]
    assert settings["sasl.password"] == workspace["broker"]["password"]
    certificate = api.get_workspace_certificate()
    assert certificate.startswith(b"-----BEGIN CERTIFICATE-----") if HAS_CERTIFICATE else certificate is None
    assert isinstance(api.get_auth_token_details(), dict)
    assert api.get_topics() == []
    for call in (api.get_workspace, api.get_librdkafka_connection_config, api.get_workspace_certificate, api.get_topics):
        assert rejection(call, "other") == 404
    assert rejection(api.get_topic, "orders") == 404
assert rejection(portal(SDK_TOKEN).get_workspace, PROD) == 403
assert rejection(portal("unknown").get_workspaces) == 401

# With the token of an environment, the client finds the environment by itself.
found = builder(SDK_TOKEN)
assert found.workspace_id == DEV and found.quix_broker_settings["brokerType"] == found.workspace_meta["brokerType"]
assert found.search_for_workspace(DEV)["workspaceId"] == DEV
assert found.search_for_workspace()["workspaceId"] == DEV
assert rejection(found.search_for_workspace, "other") == 404
try:
    builder(PAT).get_workspace_info()
    raise AssertionError("it finds one of two environments")
except MultipleWorkspaces:
    pass
assert builder(PAT).search_for_topic_workspace("orders") is None

for config in (found, builder(PAT, DEV)):
    application = config.get_application_config("shop")
    assert application.consumer_group == f"{DEV}-shop"
    settings = application.librdkafka_connection_config.as_librdkafka_dict()
    assert ("ssl.ca.pem" in settings) == HAS_CERTIFICATE
    # It parses the certificate, and connects only when it is used.
    Producer({**settings, **application.librdkafka_extra_config})
print(json.dumps({"password": settings["sasl.password"]}))
