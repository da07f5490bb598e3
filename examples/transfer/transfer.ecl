// May the caller send `amount` to `to`?

const LARGE = 5_000;

policy transfer(to: did, amount: number) {
    require amount > 0, "the amount must be positive";
    require caller != to, "sender and receiver are the same";
    require amount <= get_balance(caller), "not enough balance";

    let receiver = load_trust(to);
    require trust_norm(trust) >= 0.4, "the sender is not trusted enough";
    require trust_norm(receiver) >= 0.3, "the receiver is not trusted enough";
    require amount <= LARGE || has_credential(caller, "kyc"), "large transfers need KYC";
    require trust_distance(trust, receiver) < 0.6, "sender and receiver are too far apart";
}
