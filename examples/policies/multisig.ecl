// Multi-signature approval: enough different, trusted signers, the caller not among them.
policy multisig(signers: [did], threshold: number) {
    require threshold >= 1, "the threshold must be at least 1";
    require !(caller in signers), "nobody approves their own request";

    let approvals = 0;
    let seen = 0;
    for signer in signers {
        seen = seen + 1;
        // A signer counts once: when it is the last of its name.
        let again = false;
        for j in seen..array_len(signers) {
            if signers[j] == signer { again = true; break; }
        }
        if !again && load_trust(signer).r >= 0.5 { approvals = approvals + 1; }
    }
    require approvals >= threshold, "not enough approvals";
}
