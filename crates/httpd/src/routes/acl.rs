//! `/v1/acl/*` (spec/http-api.md §22). There is no ACL system yet, so all of it answers as an agent with ACLs off does: before
//! anything else is looked at.

use crate::fault::Fault;
use crate::request::{Handled, Request};

/// 401.
pub(crate) fn disabled(_: Request) -> Handled {
    Fault::new(401, "ACL support disabled").into()
}
