//! What policies are for.

/// What a policy is for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, PartialOrd, Ord)]
#[repr(u8)]
pub enum PolicyType {
    /// Who may enter a realm.
    Crossing,
    /// Who may belong to it.
    Membership,
    /// What may be transferred.
    Transaction,
    /// Proposals and votes.
    Governance,
    /// Who may see what.
    Privacy,
    /// Requests to an API.
    Api,
    /// What a user interface shows.
    Ui,
    /// Rules over data.
    DataLogic,
    /// Controllers.
    Controller,
    /// Anything else.
    #[default]
    Custom,
}

impl PolicyType {
    /// All of them, in order.
    pub const ALL: [PolicyType; 10] = [
        PolicyType::Crossing,
        PolicyType::Membership,
        PolicyType::Transaction,
        PolicyType::Governance,
        PolicyType::Privacy,
        PolicyType::Api,
        PolicyType::Ui,
        PolicyType::DataLogic,
        PolicyType::Controller,
        PolicyType::Custom,
    ];
    /// The type of a name, whatever the case of its letters.
    pub fn of_name(name: &str) -> Option<PolicyType> {
        PolicyType::ALL.into_iter().find(|kind| kind.name().eq_ignore_ascii_case(name))
    }
    /// The name, as events and counters have it.
    pub fn name(self) -> &'static str {
        match self {
            PolicyType::Crossing => "Crossing",
            PolicyType::Membership => "Membership",
            PolicyType::Transaction => "Transaction",
            PolicyType::Governance => "Governance",
            PolicyType::Privacy => "Privacy",
            PolicyType::Api => "Api",
            PolicyType::Ui => "Ui",
            PolicyType::DataLogic => "DataLogic",
            PolicyType::Controller => "Controller",
            PolicyType::Custom => "Custom",
        }
    }
}
