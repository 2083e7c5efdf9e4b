"""How fast Clarion is on this machine, beside Kannel where that is installed.

    python -m bench                       # all figures, about four minutes
    python -m bench intake receipts --messages 50000 --repeat 3

A figure is a module with `run(gateway, plan) -> Sample`: intake, sends, receipts, bulk. The frame
they share: deployments (clarion, kannel), the SMSC, the load generator, what /proc says of each
process, the table.
"""
