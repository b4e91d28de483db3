//! One run of a query: root in, rows out; then the filter, then the order by distance (spec/server.md §5.2).

use crate::distance::sort_by_distance;
use crate::group::Group;
use crate::methods::{self, ReadMethod, Standing};
use crate::ran::{Compiled, Ran};
use crate::view::View;
use ports::{Answer, Data, Query, RpcError};
use state::WatchSet;
use std::sync::Arc;

/// Runs a group's query on a view. Says as well on which keys the answer depends.
pub(crate) fn run(view: &View, group: &Group) -> Result<(Ran, WatchSet), RpcError> {
    let query = &group.query;
    let found = methods::of_read(&query.read, |method| {
        let compiled = match group.compiled.get() {
            Some(compiled) => compiled,
            None => {
                let compiled = Box::new(method.filter(&query.filter)?);
                group.compiled.get_or_init(|| compiled)
            }
        };
        method.run(&view.root, query, compiled)
    })?;
    let mut data = found.result.rows;
    if !query.near.is_empty() {
        sort_by_distance(&view.root, &query.near, &mut data);
    }
    let ran = ran(view, found.result.index, data, found.missing);
    Ok((ran, found.result.watch))
}

/// Runs a read that no group is made for.
pub(crate) fn alone(view: &View, query: &Query, method: &dyn ReadMethod) -> Result<Ran, RpcError> {
    let found = method.run(&view.root, query, &Compiled::None)?;
    let result = found.result;
    Ok(ran(view, result.index, result.rows, found.missing))
}

fn ran(view: &View, index: u64, data: Data, missing: bool) -> Ran {
    Ran {
        answer: Arc::new(Answer::new(index, data, false)),
        seq: view.seq,
        epoch: view.epoch,
        missing,
    }
}

/// Whether an answer no row of which was touched would come out of a run on `view` as it is, index included: some indexes
/// move with rows that an answer does not show (spec/server.md §5.3). May be wrong in one direction only: a needless `false`.
pub(crate) fn still_current(view: &View, query: &Query, ran: &Ran) -> bool {
    if ran.epoch != view.epoch
        || !query.near.is_empty()
        || !query.node_meta.is_empty()
        || !query.peer.is_empty()
    {
        return false;
    }
    let standing = Standing {
        root: &view.root,
        reaped: view.reaped,
        filtered: !query.filter.is_empty(),
        ran,
    };
    methods::of_read(&query.read, |method| method.unmoved(&standing))
}
