//! `ConnectCA.*`.

use crate::ask::{Asked, Out, Request, decode};
use crate::reply::{answered, compose, encoded};
use crate::row::ReadRow;
use dialect::msgpack::{self, Error, Writer};
use model::CaRoot;
use ports::{Answered, Data, Read};
use std::sync::Arc;
use wire::rpc::{DcSpecificRequest, IndexedCaRoots, QuerySource};

/// Roots without what only servers may know.
fn shown(w: &mut Writer<'_>, roots: &[Arc<CaRoot>]) {
    w.array(roots.len());
    for root in roots {
        if root.signing_cert.is_empty() && root.signing_key.is_empty() {
            w.value(&**root);
        } else {
            w.value(&CaRoot {
                signing_cert: String::new(),
                signing_key: String::new(),
                ..CaRoot::clone(root)
            });
        }
    }
}

pub(crate) static ROOTS: ReadRow = ReadRow {
    name: "ConnectCA.Roots",
    decode: |body| {
        // Its source sorts nothing.
        let request: DcSpecificRequest = decode(body)?;
        Ok(Asked::new(
            Read::CaRoots,
            request.datacenter,
            request.options,
        ))
    },
    reply: |_, answered| {
        let rows = encoded(answered, |data, w| match data {
            Data::CaRoots { roots, .. } => shown(w, roots),
            _ => w.nil(),
        });
        let (active, domain) = match &answered.answer.data {
            Data::CaRoots {
                trust_domain,
                roots,
            } => (roots.iter().find(|root| root.active), &**trust_domain),
            _ => (None, ""),
        };
        compose(
            answered,
            &[
                (
                    "ActiveRootID",
                    &msgpack::to_vec(active.map_or("", |root| &*root.id)),
                ),
                ("Roots", &rows),
                ("TrustDomain", &msgpack::to_vec(domain)),
            ],
        )
    },
};

pub(crate) fn ask_roots(out: &Out<'_>) -> Request {
    let source = QuerySource {
        datacenter: out.from.datacenter.to_owned(),
        node: out.from.node.to_owned(),
        disable_node: true,
        ..QuerySource::default()
    };
    let request = DcSpecificRequest { source, ..out.dc() };
    Request::new(ROOTS.name, &request)
}

pub(crate) fn roots(body: &[u8]) -> Result<Answered, Error> {
    let reply: IndexedCaRoots = decode(body)?;
    let data = Data::CaRoots {
        trust_domain: reply.trust_domain,
        roots: reply.roots.into_vec(),
    };
    Ok(answered(data, &reply.meta))
}
