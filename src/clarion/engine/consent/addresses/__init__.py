"""What subscribers have agreed to, for each sender id and address; and carriers' black lists."""

from clarion.engine.consent.addresses.gate import ConsentGate
from clarion.engine.consent.addresses.model import NO_CONSENT, Asked
from clarion.engine.consent.addresses.service import refused

__all__ = ["NO_CONSENT", "Asked", "ConsentGate", "refused"]
