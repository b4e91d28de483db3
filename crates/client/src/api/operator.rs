//! Operator endpoints and snapshots.

use crate::{
    AutopilotConfiguration, Client, Error, KeyringResponse, QueryOptions, RaftConfiguration,
    Request, Response, ServiceUsage,
};
use hyper::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tokio::io::AsyncRead;

const KEYRING: &str = "/v1/operator/keyring";
const AUTOPILOT: &str = "/v1/operator/autopilot/configuration";

impl Client {
    /// The Raft peers.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn raft_configuration(
        &self,
        options: &QueryOptions,
    ) -> Result<RaftConfiguration, Error> {
        self.call_json(self.read("/v1/operator/raft/configuration", options))
            .await
    }

    /// Removes a Raft peer by `address` or `id`.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn raft_remove_peer(&self, by: &str, value: &str) -> Result<(), Error> {
        let request = self.write(Method::DELETE, "/v1/operator/raft/peer");
        self.call_unit(request.param(by, value)).await
    }

    /// Hands leadership over, to one server or to any.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn raft_transfer_leader(&self, id: &str) -> Result<Value, Error> {
        let request = self.write(Method::POST, "/v1/operator/raft/transfer-leader");
        self.call_json(request.param_some("id", id)).await
    }

    /// How servers come and go.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn autopilot_configuration(
        &self,
        options: &QueryOptions,
    ) -> Result<AutopilotConfiguration, Error> {
        self.call_json(self.read(AUTOPILOT, options)).await
    }

    /// Changes it if it is still at `config.modify_index`; false when it is not.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn autopilot_cas(&self, config: &AutopilotConfiguration) -> Result<bool, Error> {
        let request = self
            .write(Method::PUT, AUTOPILOT)
            .param("cas", config.modify_index.to_string())
            .json(config);
        let text = self.call(request).await?.bytes().await?;
        Ok(text.starts_with(b"true"))
    }

    /// Health of the servers, as sent.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn autopilot_state(&self, options: &QueryOptions) -> Result<Value, Error> {
        self.call_json(self.read("/v1/operator/autopilot/state", options))
            .await
    }

    /// Numbers of nodes and instances by datacenter.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn usage(&self, global: bool) -> Result<BTreeMap<String, ServiceUsage>, Error> {
        let mut request = self.plain_read("/v1/operator/usage");
        if global {
            request = request.param("global", "");
        }
        let mut answer: Value = self.call_json(request).await?;
        serde_json::from_value(answer["Usage"].take()).map_err(|e| Error::Decode(e.to_string()))
    }

    /// Keys of all gossip pools.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn keyring_list(
        &self,
        relay_factor: u8,
        local_only: bool,
    ) -> Result<Vec<KeyringResponse>, Error> {
        let mut request = self.plain_read(KEYRING);
        if relay_factor > 0 {
            request = request.param("relay-factor", relay_factor.to_string());
        }
        if local_only {
            request = request.param("local-only", "true");
        }
        self.call_json(request).await
    }

    /// Installs a key (POST), makes it primary (PUT) or removes it (DELETE) in all pools.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn keyring_change(
        &self,
        method: Method,
        key: &str,
        relay_factor: u8,
    ) -> Result<(), Error> {
        let mut request = Request::new(method, KEYRING).json(&json!({ "Key": key }));
        if relay_factor > 0 {
            request = request.param("relay-factor", relay_factor.to_string());
        }
        self.call_unit(request).await
    }

    /// An archive of the replicated state, to be read with [`Response::chunk`].
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn snapshot_save(&self, options: &QueryOptions) -> Result<Response, Error> {
        self.call(self.read("/v1/snapshot", options)).await
    }

    /// Replaces the replicated state by an archive.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn snapshot_restore(
        &self,
        archive: impl AsyncRead + Send + Sync + Unpin + 'static,
    ) -> Result<(), Error> {
        let request = self.write(Method::PUT, "/v1/snapshot");
        self.call_unit(request.reader(archive)).await
    }
}
