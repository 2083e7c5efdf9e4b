"""The limits of sender id classes, held by all nodes together through budgets that they lease."""
