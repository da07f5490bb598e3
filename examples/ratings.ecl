// Should the asker deal with `target` now? Everything about the target is of the time before.
//
// `vouched`, `warned`: how many members that the asker rated well have rated the target well, badly.
// `answer`: what the target has said of the asker, -10 to 10; null where nothing yet.
const SCANTY = 3;

policy deal(target: trust, ratings: number, vouched: number, warned: number, answer: number?) {
    require warned <= vouched, "members that the asker trusts warn of the target";
    require (answer ?? 1) > 0, "the target has rated the asker badly";

    // A stranger gets a chance: almost everybody began as one.
    if ratings < SCANTY { return target.r >= 0.4; }

    require target.i >= 0.85, "too many strong warnings";
    require target.r >= 0.7 && target.v >= 0.6, "too few good ratings, or too few of late";
    require trust_norm(target) >= 0.4, "too little trust on the whole";
}
