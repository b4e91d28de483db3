//! Key/value store, transactions.

use crate::{Client, Error, KvPair, QueryMeta, QueryOptions, Request};
use bytes::Bytes;
use hyper::Method;
use serde::de::DeserializeOwned;

const BASE: &str = "/v1/kv/";

impl Client {
    fn kv_read(&self, key: &str, options: &QueryOptions) -> Request {
        let key = key.strip_prefix('/').unwrap_or(key);
        self.read(&format!("{BASE}{key}"), options)
    }

    fn kv_write(&self, method: Method, key: &str) -> Result<Request, Error> {
        if key.starts_with('/') {
            return Err(Error::Key(key.to_owned()));
        }
        Ok(self.write(method, &format!("{BASE}{key}")))
    }

    async fn kv_rows<T: DeserializeOwned + Default>(
        &self,
        request: Request,
    ) -> Result<(T, QueryMeta), Error> {
        let answer = self.send(request).await?;
        let absent = answer.status() == 404;
        let answer = if absent { answer } else { answer.ok().await? };
        let meta = answer.meta_or_index();
        if absent {
            answer.bytes().await?;
            return Ok((T::default(), meta));
        }
        Ok((answer.json().await?, meta))
    }

    /// One key; `None` when it does not exist.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn kv_get(
        &self,
        key: &str,
        options: &QueryOptions,
    ) -> Result<(Option<KvPair>, QueryMeta), Error> {
        let request = self.kv_read(key, options);
        let (mut rows, meta): (Vec<KvPair>, _) = self.kv_rows(request).await?;
        Ok((rows.pop(), meta))
    }

    /// All keys under a prefix, in key order.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn kv_list(
        &self,
        prefix: &str,
        options: &QueryOptions,
    ) -> Result<(Vec<KvPair>, QueryMeta), Error> {
        self.kv_rows(self.kv_read(prefix, options).param("recurse", ""))
            .await
    }

    /// Names of the keys under a prefix, cut at the first separator after it; an empty separator cuts nothing.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn kv_keys(
        &self,
        prefix: &str,
        separator: &str,
        options: &QueryOptions,
    ) -> Result<(Vec<String>, QueryMeta), Error> {
        let request = self.kv_read(prefix, options).param("keys", "");
        self.kv_rows(request.param_some("separator", separator))
            .await
    }

    async fn kv_put_with(
        &self,
        pair: &KvPair,
        extra: Option<(&str, String)>,
    ) -> Result<bool, Error> {
        let mut request = self.kv_write(Method::PUT, &pair.key)?;
        if let Some((name, value)) = extra {
            request = request.param(name, value);
        }
        self.kv_put_request(request, pair).await
    }

    async fn kv_put_request(&self, mut request: Request, pair: &KvPair) -> Result<bool, Error> {
        if pair.flags != 0 {
            request = request.param("flags", pair.flags.to_string());
        }
        let request = request.bytes(Bytes::from(pair.value.0.clone()));
        let text = self.call(request).await?.bytes().await?;
        Ok(text.starts_with(b"true"))
    }

    /// Writes a value.
    ///
    /// # Errors
    /// Any failure of the call, [`Error::Key`].
    pub async fn kv_put(&self, key: &str, value: impl Into<Vec<u8>>) -> Result<bool, Error> {
        let pair = KvPair {
            key: key.to_owned(),
            value: crate::Bytes64(value.into()),
            ..KvPair::default()
        };
        self.kv_put_pair(&pair).await
    }

    /// Writes value and flags of a pair.
    ///
    /// # Errors
    /// Any failure of the call, [`Error::Key`].
    pub async fn kv_put_pair(&self, pair: &KvPair) -> Result<bool, Error> {
        self.kv_put_with(pair, None).await
    }

    /// Writes value and flags of a pair into a namespace and partition (empty: the client's), which only Enterprise servers
    /// accept.
    ///
    /// # Errors
    /// Any failure of the call, [`Error::Key`].
    pub async fn kv_put_scoped(
        &self,
        pair: &KvPair,
        namespace: &str,
        partition: &str,
    ) -> Result<bool, Error> {
        let mut request = self.kv_write(Method::PUT, &pair.key)?;
        for (name, value) in [("ns", namespace), ("partition", partition)] {
            if !value.is_empty() {
                request.params.retain(|(given, _)| given != name);
                request = request.param(name, value);
            }
        }
        self.kv_put_request(request, pair).await
    }

    /// Writes if the key's index is still `pair.modify_index` (0: if it does not exist). False when it is not.
    ///
    /// # Errors
    /// Any failure of the call, [`Error::Key`].
    pub async fn kv_cas(&self, pair: &KvPair) -> Result<bool, Error> {
        let index = pair.modify_index.to_string();
        self.kv_put_with(pair, Some(("cas", index))).await
    }

    /// Writes and locks for `pair.session`. False when another session holds the key.
    ///
    /// # Errors
    /// Any failure of the call, [`Error::Key`].
    pub async fn kv_acquire(&self, pair: &KvPair) -> Result<bool, Error> {
        let session = pair.session.clone();
        self.kv_put_with(pair, Some(("acquire", session))).await
    }

    /// Writes and unlocks for `pair.session`. False when that session does not hold the key.
    ///
    /// # Errors
    /// Any failure of the call, [`Error::Key`].
    pub async fn kv_release(&self, pair: &KvPair) -> Result<bool, Error> {
        let session = pair.session.clone();
        self.kv_put_with(pair, Some(("release", session))).await
    }

    async fn kv_remove(&self, key: &str, extra: Option<(&str, String)>) -> Result<bool, Error> {
        let mut request = self.kv_write(Method::DELETE, key)?;
        if let Some((name, value)) = extra {
            request = request.param(name, value);
        }
        let text = self.call(request).await?.bytes().await?;
        Ok(text.starts_with(b"true"))
    }

    /// Deletes a key; one that does not exist is no error.
    ///
    /// # Errors
    /// Any failure of the call, [`Error::Key`].
    pub async fn kv_delete(&self, key: &str) -> Result<(), Error> {
        self.kv_remove(key, None).await.map(drop)
    }

    /// Deletes a key if its index is still this one. False when it is not.
    ///
    /// # Errors
    /// Any failure of the call, [`Error::Key`].
    pub async fn kv_delete_cas(&self, key: &str, index: u64) -> Result<bool, Error> {
        self.kv_remove(key, Some(("cas", index.to_string()))).await
    }

    /// Deletes all keys under a prefix.
    ///
    /// # Errors
    /// Any failure of the call, [`Error::Key`].
    pub async fn kv_delete_tree(&self, prefix: &str) -> Result<(), Error> {
        self.kv_remove(prefix, Some(("recurse", String::new())))
            .await
            .map(drop)
    }

    /// Runs a transaction: operations as in the API's documentation. The boolean says whether it was applied; the value is
    /// the answer with `Results` and `Errors` either way.
    ///
    /// # Errors
    /// Any failure of the call other than a transaction rolled back.
    pub async fn txn(
        &self,
        operations: &serde_json::Value,
    ) -> Result<(bool, serde_json::Value), Error> {
        let request = self.write(Method::PUT, "/v1/txn").json(operations);
        let answer = self.send(request).await?;
        let rolled_back = answer.status() == 409;
        let answer = if rolled_back {
            answer
        } else {
            answer.ok().await?
        };
        Ok((!rolled_back, answer.json().await?))
    }
}
