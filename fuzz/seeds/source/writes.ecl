policy writes(to: did, amount: number, note: string) {
    require amount > 0;
    let spent = store_get_number("limit") ?? 0;
    if spent + amount > 20_000 { return false; }
    store_put("limit", spent + amount);
    let gone = store_delete("k");
    if update_trust(to, 0.125) { emit "trusted", to; } else { emit "unknown"; }
    log(note + " / " + realm);
    require cast_vote("p1", gone) && cross_realm("market"), "not there";
}
policy expression { return trust_weighted(trust, [1, 2, 3, 4, 5, 6]) >= surprisal(0.5) - 1; }
