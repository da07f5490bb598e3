// A session ends after an hour, or after fifteen idle minutes; trusted callers get twice as long.
const HOUR = 60 * 60;

policy session(started: number, last_seen: number) {
    let factor = trust_norm(trust) >= 0.7 ? 2 : 1;
    require started <= now, "the session lies in the future";
    require time_since(started) <= HOUR * factor, "the session has expired";
    require time_since(last_seen) <= HOUR / 4 * factor, "the session was idle for too long";
}
