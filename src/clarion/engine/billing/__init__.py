"""What messages cost, and what companies have to pay for them. Off unless `[billing]` says on."""
