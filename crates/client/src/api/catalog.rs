//! Catalog, health, coordinates, prepared queries, status.

use crate::{
    CatalogNode, CatalogService, Check, Client, Coordinate, DatacenterCoordinates, Error, Node,
    QueryMeta, QueryOptions, ServiceEntry,
};
use hyper::Method;
use serde_json::Value;
use std::collections::BTreeMap;

/// Rows with metadata.
type Rows<T> = Result<(T, QueryMeta), Error>;

impl Client {
    /// Known datacenters, nearest first.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn catalog_datacenters(&self) -> Result<Vec<String>, Error> {
        self.call_json(self.plain_read("/v1/catalog/datacenters"))
            .await
    }

    /// A read without options but the client's scope.
    pub(crate) fn plain_read(&self, path: &str) -> crate::Request {
        crate::Request::new(Method::GET, path)
    }

    /// All nodes.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn catalog_nodes(&self, options: &QueryOptions) -> Rows<Vec<Node>> {
        self.call_meta(self.read("/v1/catalog/nodes", options))
            .await
    }

    /// Service names with all their tags.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn catalog_services(
        &self,
        options: &QueryOptions,
    ) -> Rows<BTreeMap<String, Vec<String>>> {
        self.call_meta(self.read("/v1/catalog/services", options))
            .await
    }

    /// Instances of a service, with one tag or all.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn catalog_service(
        &self,
        name: &str,
        tag: &str,
        options: &QueryOptions,
    ) -> Rows<Vec<CatalogService>> {
        let request = self.read_under("/v1/catalog/service/", name, options);
        self.call_meta(request.param_some("tag", tag)).await
    }

    /// A node with its instances; `None` when it does not exist.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn catalog_node(
        &self,
        name: &str,
        options: &QueryOptions,
    ) -> Rows<Option<CatalogNode>> {
        self.call_meta(self.read_under("/v1/catalog/node/", name, options))
            .await
    }

    /// Registers a node, instances and checks; the object is that of the API.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn catalog_register(&self, registration: &Value) -> Result<(), Error> {
        let request = self.write(Method::PUT, "/v1/catalog/register");
        self.call_unit(request.json(registration)).await
    }

    /// Removes a node, instance or check; the object is that of the API.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn catalog_deregister(&self, deregistration: &Value) -> Result<(), Error> {
        let request = self.write(Method::PUT, "/v1/catalog/deregister");
        self.call_unit(request.json(deregistration)).await
    }

    /// As [`Client::catalog_deregister`]; says as well whether an agent registers the entry again, in the words of an
    /// answering proconsul agent.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn catalog_deregister_told(
        &self,
        deregistration: &Value,
    ) -> Result<Option<String>, Error> {
        let request = self.write(Method::PUT, "/v1/catalog/deregister");
        let answer = self.call(request.json(deregistration)).await?;
        let owner = answer.headers().get("x-proconsul-owner");
        let owner = owner.map(|text| String::from_utf8_lossy(text.as_bytes()).into_owned());
        answer.bytes().await?;
        Ok(owner)
    }

    /// Removes an instance or check at the agent that registered it and in the catalog (proconsul only).
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn owner_deregister(&self, deregistration: &Value) -> Result<(), Error> {
        let request = self.write(Method::PUT, "/v1/x/catalog/deregister");
        self.call_unit(request.json(deregistration)).await
    }

    /// Checks of a node.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn health_node(&self, node: &str, options: &QueryOptions) -> Rows<Vec<Check>> {
        self.call_meta(self.read_under("/v1/health/node/", node, options))
            .await
    }

    /// Checks of a service.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn health_checks(&self, service: &str, options: &QueryOptions) -> Rows<Vec<Check>> {
        self.call_meta(self.read_under("/v1/health/checks/", service, options))
            .await
    }

    /// Checks in a state: `any`, `passing`, `warning`, `critical`.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn health_state(&self, state: &str, options: &QueryOptions) -> Rows<Vec<Check>> {
        self.call_meta(self.read_under("/v1/health/state/", state, options))
            .await
    }

    /// Instances of a service that have all the tags.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn health_service(
        &self,
        service: &str,
        tags: &[&str],
        passing: bool,
        options: &QueryOptions,
    ) -> Rows<Vec<ServiceEntry>> {
        let mut request = self.read_under("/v1/health/service/", service, options);
        if passing {
            request = request.param("passing", "1");
        }
        for tag in tags {
            request = request.param("tag", *tag);
        }
        self.call_meta(request).await
    }

    /// Coordinates of all nodes.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn coordinate_nodes(&self, options: &QueryOptions) -> Rows<Vec<Coordinate>> {
        self.call_meta(self.read("/v1/coordinate/nodes", options))
            .await
    }

    /// Coordinates of the servers of all datacenters.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn coordinate_datacenters(&self) -> Result<Vec<DatacenterCoordinates>, Error> {
        self.call_json(self.plain_read("/v1/coordinate/datacenters"))
            .await
    }

    /// Creates a prepared query from the API's object; the answer is its ID.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn query_create(&self, query: &Value) -> Result<String, Error> {
        let request = self.write(Method::POST, "/v1/query").json(query);
        let answer: Value = self.call_json(request).await?;
        Ok(answer["ID"].as_str().unwrap_or_default().to_owned())
    }

    /// Replaces a prepared query.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn query_update(&self, id: &str, query: &Value) -> Result<(), Error> {
        let request = self.write_under(Method::PUT, "/v1/query/", id);
        self.call_unit(request.json(query)).await
    }

    /// All prepared queries.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn query_list(&self, options: &QueryOptions) -> Rows<Vec<Value>> {
        self.call_meta(self.read("/v1/query", options)).await
    }

    /// Deletes a prepared query.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn query_delete(&self, id: &str) -> Result<(), Error> {
        self.call_unit(self.write_under(Method::DELETE, "/v1/query/", id))
            .await
    }

    /// Executes a prepared query by ID or name.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn query_execute(&self, id: &str, options: &QueryOptions) -> Rows<Value> {
        let path = format!("/v1/query/{}/execute", crate::encode::segment(id));
        let request = crate::Request::encoded(Method::GET, path);
        self.call_meta(self.finish_read(request, options)).await
    }

    /// Address of the Raft leader, empty when there is none.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn status_leader(&self) -> Result<String, Error> {
        self.call_json(self.plain_read("/v1/status/leader")).await
    }

    /// Addresses of the Raft peers.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn status_peers(&self) -> Result<Vec<String>, Error> {
        self.call_json(self.plain_read("/v1/status/peers")).await
    }
}
