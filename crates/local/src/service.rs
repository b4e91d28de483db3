//! A service of the agent.

use crate::{Source, Standing};
use model::NodeService;
use std::sync::Arc;

/// A registered service.
#[derive(Clone, Debug)]
pub struct Service {
    /// As the catalog gets it.
    pub row: Arc<NodeService>,
    /// The token it was registered with, "" for none. Never printed.
    pub token: String,
    /// Who registered it.
    pub source: Source,
    /// Towards the catalog.
    pub standing: Standing,
    pub(crate) version: u64,
}
