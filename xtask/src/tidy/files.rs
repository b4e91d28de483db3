//! Files that are not read in one sitting.

use super::list::Finding;
use super::source::Source;
use anyhow::Result;

/// Most lines of a file.
const LINES_MAX: usize = 600;

pub fn find(sources: &[Source]) -> Result<Vec<Finding>> {
    let long = |source: &Source| {
        let size = source.text.lines().count();
        (size > LINES_MAX).then(|| Finding {
            what: source.path.clone(),
            size,
        })
    };
    Ok(sources.iter().filter_map(long).collect())
}
