"""Finds out whether there can be a bridge to a cluster, and builds it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

from distributed import Client
from distributed.security import Security

from polyphony_dask.plugin import Parcel, ShimPlugin, TasksPlugin
from polyphony_dask.session import said
from polyphony_dask.wire import Reader


class Refusal(Exception):
    """Why there can be no bridge to that cluster."""


def misfits(versions: dict[str, Any]) -> list[str]:
    """Which of the cluster's versions are not ours, each with both."""

    def of(who: dict[str, Any]) -> dict[str, str]:
        packages = {
            name: str(who["packages"].get(name)) for name in ("dask", "distributed")
        }
        python = str(who["packages"].get("python")).split(".")
        return packages | {"Python": ".".join(python[:2])}

    ours = of(versions["client"])
    others = {"the scheduler": versions["scheduler"]}
    others |= {
        f"worker {address}": worker for address, worker in versions["workers"].items()
    }
    return [
        f"{whose} has {name} {theirs}, the client {ours[name]}"
        for whose, who in others.items()
        for name, theirs in of(who).items()
        if theirs != ours[name]
    ]


async def close(client: Client) -> None:
    """Says goodbye. If it cannot, it goes with the process, which Dask sees."""
    with suppress(Exception):
        await asyncio.wait_for(client.close(timeout=2), 4)


async def connect(read: Reader) -> tuple[Client, Parcel, dict[str, Any], float]:
    """The client of a cluster whose workers have the tasks."""
    address, library = read.text(), read.text()
    ca, certificate, key = (read.option(read.text) for _ in range(3))
    patience = read.number("Q") / 1000
    security = None
    if ca is not None:
        security = Security(
            tls_ca_file=ca,
            tls_client_cert=certificate,
            tls_client_key=key,
            require_encryption=True,
        )
    try:
        client = await Client(
            address,
            asynchronous=True,
            timeout=patience,
            security=security,
            name="polyphony",
        )
    except (OSError, ValueError, TypeError, RuntimeError) as error:
        raise Refusal(f"no scheduler at {address}: {said(error)}") from error
    try:
        async with asyncio.timeout(patience):
            if unlike := misfits(await client.get_versions()):
                raise Refusal("; ".join(unlike))
            parcel = Parcel(Path(library).read_bytes())
            described = parcel.load(library)
            await client.register_plugin(ShimPlugin(parcel))
            await client.register_plugin(TasksPlugin(parcel))
            # Of a plugin that it has already, Dask does not say how it fared.
            for why in (await client.run(parcel.module().refused)).values():
                if why:
                    raise Refusal(why)
    except Refusal:
        await close(client)
        raise
    except TimeoutError as error:
        await close(client)
        raise Refusal(
            f"the cluster did not take the tasks in {patience:g} s"
        ) from error
    except Exception as error:
        await close(client)
        raise Refusal(str(error)) from error
    return client, parcel, described, patience
