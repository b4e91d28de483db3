//! Duty: the cluster has a certificate authority; how it is made stands in `crate::authority`.

use super::{Duty, Trigger};

pub(super) const FOUND: Duty = Duty {
    name: "certificate authority",
    trigger: Trigger::Established,
    body: |office| Box::pin(office.server.clone().found_authority()),
};
