// The checks of a transfer where all is given and nobody is asked.
policy transfer(amount: number, balance: number, from: trust, to: trust, credentials: [string]) {
    require amount > 0, "the amount must be positive";
    require amount <= balance, "not enough balance";
    require trust_norm(from) >= 0.4, "the sender is not trusted enough";
    require trust_norm(to) >= 0.3, "the receiver is not trusted enough";
    require amount <= 5_000 || "kyc" in credentials, "large transfers need KYC";
    require trust_distance(from, to) < 0.3, "sender and receiver are too far apart";
}
