// A write that nothing reaches leaves no instruction, and still needs the grant.
policy main { return; cast_vote("k", true); }
