// Basic entry: enough trust, on the whole and in reliability.
policy entry {
    require trust.r >= 0.3, "reliability is too low";
    require trust_norm(trust) >= 0.25, "trust is too low";
}
