//! `Catalog.Register` and `Catalog.Deregister` (spec/server.md §3.2, §3.12).

use super::super::rules;
use super::super::write::accepted;
use crate::server::Server;
use crate::text;
use model::{HealthCheck, same_name};
use ports::{Authorized, RpcError};
use wire::command::{DeregisterRequest, RegisterRequest};
use wire::{Command, Outcome};

impl Server {
    pub(in crate::methods) async fn register(
        &self,
        by: &Authorized,
        mut request: RegisterRequest,
    ) -> Result<Outcome, RpcError> {
        self.prepare(by, &mut request).map_err(RpcError::Refused)?;
        self.name_datacenter(&mut request.datacenter);
        accepted(
            self.propose(by, &Command::Register(Box::new(request)))
                .await?,
            "",
        )
    }

    fn prepare(&self, by: &Authorized, request: &mut RegisterRequest) -> Result<(), String> {
        let imported = !request.peer_name.is_empty()
            || request
                .service
                .as_ref()
                .is_some_and(|service| !service.peer_name.is_empty())
            || request
                .check
                .iter()
                .map(|check| &**check)
                .chain(request.checks.iter())
                .any(|check| !check.peer_name.is_empty());
        if imported {
            return Err(text::NO_PEER_NAME.to_owned());
        }
        rules::node(&request.node, &request.id)?;
        if request.address.is_empty() && !request.skip_node_update {
            return Err(text::MUST_PROVIDE_ADDRESS.to_owned());
        }
        if let Some(service) = request.service.as_deref_mut() {
            rules::service(service)?;
        }
        if let Some(check) = request.check.take() {
            request.checks.push(*check);
        }
        let node = request.node.clone();
        if !request.checks.is_empty() {
            for check in request.checks.make_mut() {
                if check.node.is_empty() {
                    check.node.clone_from(&node);
                }
                rules::check(check);
                rules::check_type(check);
            }
        }
        request
            .checks
            .iter()
            .try_for_each(|check| self.check_belongs(by, request, check))
    }

    /// A check must be of the request's node, and of a service that is in the request or on the node already.
    fn check_belongs(
        &self,
        by: &Authorized,
        request: &RegisterRequest,
        check: &HealthCheck,
    ) -> Result<(), String> {
        if !same_name(&check.node, &request.node) {
            let (other, id, node) = (&check.node, &check.check_id, &request.node);
            return Err(format!(
                "Node '{other}' for check '{id}' doesn't match register request node '{node}'"
            ));
        }
        let id = &check.service_id;
        if id.is_empty()
            || request
                .service
                .as_ref()
                .is_some_and(|service| service.id == *id)
        {
            return Ok(());
        }
        let known = self
            .board
            .view(by)
            .root
            .node_services("", &request.node)
            .rows
            .is_some_and(|found| {
                same_name(&found.node.node, &request.node)
                    && found
                        .services
                        .iter()
                        .any(|service| same_name(&service.id, id))
            });
        if known {
            Ok(())
        } else {
            Err(format!(
                "Unknown service ID '{id}' for check ID '{}'",
                check.check_id
            ))
        }
    }

    pub(in crate::methods) async fn deregister(
        &self,
        by: &Authorized,
        mut request: DeregisterRequest,
    ) -> Result<Outcome, RpcError> {
        if request.node.is_empty() {
            return Err(RpcError::refused(text::MUST_PROVIDE_NODE));
        }
        self.name_datacenter(&mut request.datacenter);
        accepted(
            self.propose(by, &Command::Deregister(Box::new(request)))
                .await?,
            "",
        )
    }
}
