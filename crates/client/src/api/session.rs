//! Sessions and user events.

use crate::{Client, Error, QueryMeta, QueryOptions, Session, SessionRequest, UserEvent};
use hyper::Method;
use serde_json::Value;

impl Client {
    /// Creates a session; the answer is its ID.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn session_create(&self, session: &SessionRequest) -> Result<String, Error> {
        let request = self.write(Method::PUT, "/v1/session/create").json(session);
        let answer: Value = self.call_json(request).await?;
        Ok(answer["ID"].as_str().unwrap_or_default().to_owned())
    }

    /// Ends a session; its locks are released or deleted.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn session_destroy(&self, id: &str) -> Result<(), Error> {
        self.call_unit(self.write_under(Method::PUT, "/v1/session/destroy/", id))
            .await
    }

    /// Renews the TTL; `None` when the session is gone.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn session_renew(&self, id: &str) -> Result<Option<Session>, Error> {
        let request = self.write_under(Method::PUT, "/v1/session/renew/", id);
        let answer = self.send(request).await?;
        if answer.status() == 404 {
            answer.bytes().await?;
            return Ok(None);
        }
        let mut rows: Vec<Session> = answer.ok().await?.json().await?;
        Ok(rows.pop())
    }

    /// One session; `None` when it does not exist.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn session_info(
        &self,
        id: &str,
        options: &QueryOptions,
    ) -> Result<(Option<Session>, QueryMeta), Error> {
        let request = self.read_under("/v1/session/info/", id, options);
        let (rows, meta): (Option<Vec<Session>>, _) = self.call_meta(request).await?;
        Ok((rows.and_then(|mut r| r.pop()), meta))
    }

    /// All sessions.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn session_list(
        &self,
        options: &QueryOptions,
    ) -> Result<(Vec<Session>, QueryMeta), Error> {
        self.call_meta(self.read("/v1/session/list", options)).await
    }

    /// Fires a user event; the answer is its ID.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn event_fire(&self, event: &UserEvent) -> Result<String, Error> {
        let request = self
            .write(Method::PUT, &format!("/v1/event/fire/{}", event.name))
            .param_some("node", &event.node_filter)
            .param_some("service", &event.service_filter)
            .param_some("tag", &event.tag_filter);
        let request = match event.payload.0.is_empty() {
            true => request,
            false => request.bytes(event.payload.0.clone()),
        };
        let answer: Value = self.call_json(request).await?;
        Ok(answer["ID"].as_str().unwrap_or_default().to_owned())
    }

    /// Recent user events, of one name or all.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn event_list(
        &self,
        name: &str,
        options: &QueryOptions,
    ) -> Result<(Vec<UserEvent>, QueryMeta), Error> {
        let request = self.read("/v1/event/list", options);
        let answer = self.call(request.param_some("name", name)).await?;
        let meta = answer.meta_or_index();
        Ok((answer.json().await?, meta))
    }
}
