"""SMPP 3.4 towards an SMSC: codec, session, binds."""
