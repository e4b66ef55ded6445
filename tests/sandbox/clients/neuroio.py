"""Calls everything that NeuroIO's Python client has for stream tokens, with and without asyncio."""

import asyncio
import json
import os
from datetime import datetime, timedelta

from neuroio import AsyncClient, Client
from neuroio.base import APIBaseBase

APIBaseBase.base_url = os.environ["URL"]


def call(client, name, *arguments, status, **named):
    answer = getattr(client.streams.tokens, name)(*arguments, **named)
    if asyncio.iscoroutine(answer):
        answer = asyncio.run(answer)
    assert answer.status_code == status, (name, arguments, named, answer.status_code, answer.text)
    return answer.json() if answer.content else None


def instant(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def check(client, rejected):
    def ids(**filters):
        return [token["id"] for token in call(client, "list", status=200, **filters)]

    temporary = call(client, "create", status=201)
    assert set(temporary) == {"key", "id", "is_active", "created", "expires"}, temporary
    assert temporary["is_active"] is True
    assert instant(temporary["expires"]) - instant(temporary["created"]) == timedelta(days=1)
    permanent = call(client, "create", permanent=True, status=201)
    one, two = temporary["id"], permanent["id"]

    assert ids() == [one, two]
    assert ids(permanent=True) == [two] and ids(permanent=False) == [one]
    assert ids(limit=1) == [one] and ids(limit=1, offset=1) == [two] and ids(offset=2) == []

    for id_or_key in (permanent["id"], permanent["key"]):
        assert call(client, "get", id_or_key, status=200) == permanent
        for is_active in (False, True):
            updated = call(client, "update", id_or_key, is_active=is_active, status=200)
            assert updated == {**permanent, "is_active": is_active}
            assert call(client, "get", id_or_key, status=200) == updated

    call(client, "delete", one, status=204)
    call(client, "delete", permanent["key"], status=204)
    for name in ("get", "delete"):
        error = call(client, name, one, status=404)
        assert isinstance(error["error_codes"], list) and isinstance(error["message"], str), error

    # Five permanent tokens at most.
    permanents = [call(client, "create", permanent=True, status=201)["id"] for _ in range(5)]
    error = call(client, "create", permanent=True, status=400)
    assert isinstance(error["error_codes"], list) and isinstance(error["message"], str), error
    temporary = call(client, "create", permanent=False, status=201)
    assert ids() == [*permanents, temporary["id"]]
    call(client, "delete_list", permanent=True, status=204)
    assert ids() == [temporary["id"]]
    call(client, "delete_list", status=204)
    assert ids() == []

    error = call(rejected, "list", status=401)
    assert isinstance(error["message"], str), error


for kind in (Client, AsyncClient):
    client = kind(api_token=os.environ["TOKEN"])
    check(client, rejected=kind(api_token="unknown"))
print(json.dumps(call(client, "create", status=201)))
