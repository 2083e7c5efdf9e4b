"""TLS towards the SMSC, and what `clarion connector test` tells of each step."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trustme
from tests.contract.connectors.recording_engine import RecordingEngine, until
from tests.integration.smpp.connected import connected, submission
from tests.peers.smsc import Smsc

from clarion.connectors.smpp.probe import ProbeReport, probe
from clarion.settings import SmppConnector as Settings
from clarion.settings import Tls


@dataclass
class Certificates:
    ca: str
    server: str
    client: str
    foreign: str  # a client's, from an authority that the SMSC does not know


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    home = tmp_path_factory.mktemp("certificates")
    ca, other = trustme.CA(), trustme.CA()
    ca.cert_pem.write_to_path(str(home / "ca.pem"))
    found = {"ca": str(home / "ca.pem")}
    issued = {
        "server": ca.issue_cert("127.0.0.1"),
        "client": ca.issue_cert("client"),
        "foreign": other.issue_cert("client"),
    }
    for name, certificate in issued.items():
        path = home / f"{name}.pem"
        certificate.private_key_and_cert_chain_pem.write_to_path(str(path))
        found[name] = str(path)
    return Certificates(**found)


@pytest.fixture
async def secure(certificates: Certificates) -> AsyncIterator[Smsc]:
    """An SMSC that wants a client certificate."""
    server = certificates.server
    async with Smsc(key=server, cert=server, ca=certificates.ca) as running:
        yield running


def client(certificates: Certificates, **more: Any) -> Tls:
    mine = {"ca": certificates.ca, "certificate": certificates.client}
    return Tls(**{**mine, **more})


async def test_tls_with_a_client_certificate(
    secure: Smsc, engine: RecordingEngine, certificates: Certificates
) -> None:
    async with connected(secure, engine, tls=client(certificates)) as connector:
        connector.submit([submission() for _ in range(50)])
        await until(lambda: len(engine.taken) == len(engine.reported) == 50)


@pytest.mark.parametrize(
    ("tls", "words"),
    [
        ({"ca": ""}, "certificate is not trusted"),
        ({"ca": "/no/such/file"}, "tls.ca: /no/such/file"),
        ({"certificate": "/no/such/file"}, "tls.certificate"),
        ({"server_name": "elsewhere"}, "certificate is not trusted"),
    ],
)
async def test_tls_trouble_is_named(
    secure: Smsc,
    engine: RecordingEngine,
    certificates: Certificates,
    tls: dict[str, str],
    words: str,
) -> None:
    async with connected(secure, engine, tls=client(certificates, **tls), wait=False) as connector:
        await until(lambda: words in connector.health().words)
        assert not connector.health().ready


async def test_a_foreign_client_certificate_is_refused(
    secure: Smsc, engine: RecordingEngine, certificates: Certificates
) -> None:
    tls = client(certificates, certificate=certificates.foreign)
    async with connected(secure, engine, tls=tls, wait=False) as connector:
        await until(lambda: connector.health().words not in ("connecting", ""))
        assert not connector.health().ready
        assert (await secure.stats())["binds"] == 0


async def test_an_unknown_authority_may_be_accepted_on_purpose(
    secure: Smsc, engine: RecordingEngine, certificates: Certificates
) -> None:
    async with connected(secure, engine, tls=client(certificates, ca="", verify=False)):
        pass


# ---------------------------------------------------------------- probe


async def report(smsc: Smsc, *, send: bool = False, **settings: Any) -> ProbeReport:
    facts = {"host": "127.0.0.1", "port": smsc.port, "response_timeout": 2.0, **settings}
    sent = submission() if send else None
    return await probe("carrier", Settings(**facts), send=sent, receipt_patience=2.0)


def names(found: ProbeReport) -> list[str]:
    return [step.name for step in found.steps]


def words(found: ProbeReport, name: str) -> str:
    return " ".join(step.words for step in found.steps if step.name == name)


async def test_the_probe_tells_each_step(smsc: Smsc) -> None:
    found = await report(smsc)
    assert found.ok
    assert names(found) == ["connect", "bind_transceiver", "enquire_link", "unbind"]
    assert f"127.0.0.1:{smsc.port}" in words(found, "connect")
    assert "'TESTSMSC'" in words(found, "bind_transceiver")
    assert "SMPP 3.4" in words(found, "bind_transceiver")
    assert "ms" in words(found, "enquire_link")


@pytest.mark.parametrize("form", ["hex", "decimal", "padded"])
async def test_the_probe_sends_a_message_and_waits_for_its_receipt(smsc: Smsc, form: str) -> None:
    await smsc.configure(receipts=True, receipt_delay=1, receipt_id=form)
    found = await report(smsc, send=True)
    assert found.ok
    assert "taken as" in words(found, "submit_sm")
    assert "DELIVRD" in words(found, "receipt")


async def test_the_probe_of_a_pair_binds_both(smsc: Smsc) -> None:
    await smsc.configure(receipts=True, receipt_delay=1)
    found = await report(smsc, send=True, bind="pair")
    assert found.ok
    assert {"bind_transmitter", "bind_receiver", "receipt"} <= set(names(found))


async def test_no_receipt_is_no_failure(smsc: Smsc) -> None:
    sent = submission()
    settings = Settings(host="127.0.0.1", port=smsc.port)
    found = await probe("carrier", settings, send=sent, receipt_patience=0.05)
    assert found.ok
    assert "none within" in words(found, "receipt")


async def test_the_probe_takes_no_message_that_is_the_gateways(smsc: Smsc) -> None:
    await smsc.configure(receipts=True, receipt_delay=60_000, retry_delay=60_000)
    settings = Settings(host="127.0.0.1", port=smsc.port)
    await smsc.mo(text="for the gateway")
    await probe("carrier", settings, send=submission(), receipt_patience=0.3)
    stats = await smsc.stats()
    assert stats["inbounds_acked"] == 0


@pytest.mark.parametrize(
    ("options", "settings", "step", "told"),
    [
        ({}, {"password": "bad"}, "bind_transceiver", "check password"),
        ({"refuse": 0x05}, {}, "bind_transceiver", "no further bind"),
        ({"refuse": 0x4FF}, {}, "bind_transceiver", "0x000004ff"),
        ({"silent_bind": True}, {"connect_timeout": 0.2}, "bind_transceiver", "did not answer"),
        ({}, {"port": 1}, "connect", "no connection to 127.0.0.1:1"),
        ({}, {"tls": Tls()}, "connect", "the SMSC hung up: check host, port and tls"),
        ({"silent_enquire": True}, {"response_timeout": 1.0}, "enquire_link", "no answer"),
        ({"error": 1, "error_status": 11}, {}, "submit_sm", "ESME_RINVDSTADR"),
        ({"silent": 1}, {"response_timeout": 1.0}, "submit_sm", "not answered"),
        ({}, {"bind": "receiver"}, "submit_sm", "receiver"),
    ],
)
async def test_the_probe_names_what_is_wrong(
    smsc: Smsc, options: dict[str, Any], settings: dict[str, Any], step: str, told: str
) -> None:
    await smsc.configure(**options)
    found = await report(smsc, send=True, **settings)
    assert not found.ok
    failed = [tried for tried in found.steps if not tried.ok]
    assert (failed[0].name, told in failed[0].words) == (step, True), failed


async def test_the_probe_of_something_else_says_so(smsc: Smsc) -> None:
    found = await report(smsc, port=smsc.control)
    assert not found.ok
    assert "not an SMSC" in found.steps[-1].words


def test_the_peers_lock_file_holds_no_download_address() -> None:
    lock = Path(__file__).parents[2] / "peers" / "smsc" / "package-lock.json"
    assert "http" not in lock.read_text("utf-8")
