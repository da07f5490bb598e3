// Verified users: a known identity with a credential that says so.
policy verified {
    require resolve_did(caller), "unknown identity";
    require has_credential(caller, "email-verified") || has_credential(caller, "kyc"), "not verified";
    require trust.i >= 0.4, "integrity is too low";
}
