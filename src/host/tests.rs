//! State files, and what policies see of them.

mod overlay;
mod read;
mod state_file;

use super::{StateHost, World};
use std::sync::Arc;

/// Two known identities, one stranger who is a member, three realms.
const FILE: &str = r#"{
  "identities": {
    "did:x:bob": {"trust": [0.2, 0.2, 0.2, 0.2, 0.2, 0.2], "realms": ["lab", "lab", "nowhere"]},
    "did:x:alice": {"trust": [0.9, 0.8, 0.7, 0.6, 0.5, 0.4], "credentials": ["kyc", "kyc", "age"], "balance": 120, "realms": []},
    "did:x:carol": {}
  },
  "realms": {
    "lab": {"name": "The lab", "owner": "did:x:alice", "members": ["did:x:alice", "did:x:stranger", "did:x:alice"],
            "trust_threshold": 0.5, "quarantined": false,
            "store": {"text": "t", "number": 2.5, "bool": true, "whole": 3}, "policies": {"entry": "trust.r >= 0.3"}},
    "shut": {"quarantined": true, "policies": {"entry": "trust.r >= 0.3"}},
    "bare": {}
  }
}"#;

fn host() -> StateHost {
    StateHost::new(Arc::new(World::from_json(FILE.as_bytes()).unwrap()))
}
