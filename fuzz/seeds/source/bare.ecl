trust.r >= 0.5 && amount <= 100 && did:erynoa:self:bob != caller
