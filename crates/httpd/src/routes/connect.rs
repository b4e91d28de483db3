//! `/v1/connect/*` and the mesh's part of the agent (spec/mesh.md §8.2).

use crate::encode;
use crate::fault::Fault;
use crate::read::{Ask, MetaOn, boolean, reading};
use crate::reply::Reply;
use crate::request::{Handled, Request, attempt};
use hyper::header::HeaderValue;
use ports::{Data, Read};

/// Media type of a list of certificates.
const PEM: HeaderValue = HeaderValue::from_static("application/pem-certificate-chain");

/// What the mesh trusts; with `?pem=true` the certificates alone.
pub(crate) fn roots(req: Request) -> Handled {
    let reading = attempt!(reading(&req));
    let pem = match req.params.text("pem") {
        "" => false,
        text => attempt!(
            boolean(text)
                .ok_or_else(|| { Fault::bad("The 'pem' query parameter must be a boolean value") })
        ),
    };
    let ask = Ask::new(req, reading, Read::CaRoots, MetaOn::Always);
    if !pem {
        return ask.send(encode::data);
    }
    ask.then(|view, answered| {
        let mut chain = String::new();
        if let Data::CaRoots { roots, .. } = &answered.answer.data {
            for root in roots {
                chain.push_str(&root.root_cert);
                root.intermediate_certs
                    .iter()
                    .for_each(|certificate| chain.push_str(certificate));
            }
        }
        Ok(Reply::typed(PEM, chain.into()).with_meta(view, &answered))
    })
}

/// The same from the agent's cache.
pub(crate) fn agent_roots(req: Request) -> Handled {
    let reading = attempt!(reading(&req));
    Ask::new(req, reading, Read::CaRoots, MetaOn::Success)
        .cacheable(true)
        .send(encode::data)
}
