//! Tokens, policies, roles, auth methods, binding rules, templates, login (spec: http-api.md §22).

use crate::{
    AclAuthMethod, AclAuthMethodEntry, AclBindingRule, AclLogin, AclPolicy, AclPolicyEntry,
    AclRole, AclTemplate, AclTemplateVariables, AclToken, AclTokenExpanded, Client, Error,
    QueryOptions, Request, encode,
};
use hyper::Method;
use serde::de::DeserializeOwned;
use serde_json::json;
use std::collections::BTreeMap;

impl Client {
    /// A call of an ACL endpoint. Reads and writes take the same options: the reference sends them with both.
    fn acl(&self, method: Method, path: &str, options: &QueryOptions) -> Request {
        self.finish_read(Request::new(method, &format!("/v1/acl/{path}")), options)
    }

    /// An object, or `None` when the server has none of that name.
    async fn acl_found<T: DeserializeOwned>(&self, request: Request) -> Result<Option<T>, Error> {
        match self.call_json(request).await {
            Err(e) if e.is_not_found() => Ok(None),
            other => other.map(Some),
        }
    }

    /// Creates the first token, with the given secret or a random one. Works once.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn acl_bootstrap(
        &self,
        secret: Option<&str>,
        options: &QueryOptions,
    ) -> Result<AclToken, Error> {
        let mut request = self.acl(Method::PUT, "bootstrap", options);
        if let Some(secret) = secret {
            request = request.json(&json!({"BootstrapSecret": secret}));
        }
        self.call_json(request).await
    }

    /// All tokens.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn acl_tokens(&self, options: &QueryOptions) -> Result<Vec<AclToken>, Error> {
        self.call_json(self.acl(Method::GET, "tokens", options))
            .await
    }

    /// The token with this accessor.
    ///
    /// # Errors
    /// Any failure of the call; an unknown token is one.
    pub async fn acl_token(
        &self,
        accessor: &str,
        options: &QueryOptions,
    ) -> Result<AclToken, Error> {
        let request = self.acl(Method::GET, &format!("token/{accessor}"), options);
        self.call_json(request).await
    }

    /// The token with this accessor and what it is worth.
    ///
    /// # Errors
    /// As [`Client::acl_token`].
    pub async fn acl_token_expanded(
        &self,
        accessor: &str,
        options: &QueryOptions,
    ) -> Result<AclTokenExpanded, Error> {
        let request = self.acl(Method::GET, &format!("token/{accessor}"), options);
        self.call_json(request.param("expanded", "true")).await
    }

    /// The token of the request.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn acl_token_self(&self, options: &QueryOptions) -> Result<AclToken, Error> {
        self.acl_token("self", options).await
    }

    /// Creates a token.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn acl_token_create(
        &self,
        token: &AclToken,
        options: &QueryOptions,
    ) -> Result<AclToken, Error> {
        let request = self.acl(Method::PUT, "token", options);
        self.call_json(request.json(token)).await
    }

    /// Replaces the token with the accessor of `token`.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn acl_token_update(
        &self,
        token: &AclToken,
        options: &QueryOptions,
    ) -> Result<AclToken, Error> {
        let path = format!("token/{}", token.accessor_id);
        let request = self.acl(Method::PUT, &path, options);
        self.call_json(request.json(token)).await
    }

    /// Creates a token with the rights of another; an empty description is copied as well.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn acl_token_clone(
        &self,
        accessor: &str,
        description: &str,
        options: &QueryOptions,
    ) -> Result<AclToken, Error> {
        let request = self.acl(Method::PUT, &format!("token/{accessor}/clone"), options);
        let body = json!({"Description": description});
        self.call_json(request.json(&body)).await
    }

    /// Removes a token.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn acl_token_delete(
        &self,
        accessor: &str,
        options: &QueryOptions,
    ) -> Result<(), Error> {
        let path = format!("token/{accessor}");
        self.call_unit(self.acl(Method::DELETE, &path, options))
            .await
    }

    /// All policies, without their rules.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn acl_policies(&self, options: &QueryOptions) -> Result<Vec<AclPolicyEntry>, Error> {
        self.call_json(self.acl(Method::GET, "policies", options))
            .await
    }

    /// The policy with this ID.
    ///
    /// # Errors
    /// Any failure of the call; an unknown policy is one.
    pub async fn acl_policy(&self, id: &str, options: &QueryOptions) -> Result<AclPolicy, Error> {
        let request = self.acl(Method::GET, &format!("policy/{id}"), options);
        self.call_json(request).await
    }

    /// The policy with this name, if there is one.
    ///
    /// # Errors
    /// Any other failure of the call.
    pub async fn acl_policy_by_name(
        &self,
        name: &str,
        options: &QueryOptions,
    ) -> Result<Option<AclPolicy>, Error> {
        // The server decodes this name once more than others.
        let path = format!("/v1/acl/policy/name/{}", encode::twice(name));
        let request = self.finish_read(Request::encoded(Method::GET, path), options);
        self.acl_found(request).await
    }

    /// Creates a policy.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn acl_policy_create(
        &self,
        policy: &AclPolicy,
        options: &QueryOptions,
    ) -> Result<AclPolicy, Error> {
        let request = self.acl(Method::PUT, "policy", options);
        self.call_json(request.json(policy)).await
    }

    /// Replaces the policy with the ID of `policy`.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn acl_policy_update(
        &self,
        policy: &AclPolicy,
        options: &QueryOptions,
    ) -> Result<AclPolicy, Error> {
        let request = self.acl(Method::PUT, &format!("policy/{}", policy.id), options);
        self.call_json(request.json(policy)).await
    }

    /// Removes a policy.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn acl_policy_delete(&self, id: &str, options: &QueryOptions) -> Result<(), Error> {
        let request = self.acl(Method::DELETE, &format!("policy/{id}"), options);
        self.call_unit(request).await
    }

    /// All roles.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn acl_roles(&self, options: &QueryOptions) -> Result<Vec<AclRole>, Error> {
        self.call_json(self.acl(Method::GET, "roles", options))
            .await
    }

    /// The role with this ID, if there is one.
    ///
    /// # Errors
    /// Any other failure of the call.
    pub async fn acl_role(
        &self,
        id: &str,
        options: &QueryOptions,
    ) -> Result<Option<AclRole>, Error> {
        let request = self.acl(Method::GET, &format!("role/{id}"), options);
        self.acl_found(request).await
    }

    /// The role with this name, if there is one.
    ///
    /// # Errors
    /// Any other failure of the call.
    pub async fn acl_role_by_name(
        &self,
        name: &str,
        options: &QueryOptions,
    ) -> Result<Option<AclRole>, Error> {
        let request = self.read_under("/v1/acl/role/name/", name, options);
        self.acl_found(request).await
    }

    /// Creates a role.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn acl_role_create(
        &self,
        role: &AclRole,
        options: &QueryOptions,
    ) -> Result<AclRole, Error> {
        let request = self.acl(Method::PUT, "role", options);
        self.call_json(request.json(role)).await
    }

    /// Replaces the role with the ID of `role`.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn acl_role_update(
        &self,
        role: &AclRole,
        options: &QueryOptions,
    ) -> Result<AclRole, Error> {
        let request = self.acl(Method::PUT, &format!("role/{}", role.id), options);
        self.call_json(request.json(role)).await
    }

    /// Removes a role.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn acl_role_delete(&self, id: &str, options: &QueryOptions) -> Result<(), Error> {
        let request = self.acl(Method::DELETE, &format!("role/{id}"), options);
        self.call_unit(request).await
    }

    /// All auth methods, without their settings.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn acl_auth_methods(
        &self,
        options: &QueryOptions,
    ) -> Result<Vec<AclAuthMethodEntry>, Error> {
        self.call_json(self.acl(Method::GET, "auth-methods", options))
            .await
    }

    /// The auth method with this name, if there is one.
    ///
    /// # Errors
    /// Any other failure of the call.
    pub async fn acl_auth_method(
        &self,
        name: &str,
        options: &QueryOptions,
    ) -> Result<Option<AclAuthMethod>, Error> {
        let request = self.read_under("/v1/acl/auth-method/", name, options);
        self.acl_found(request).await
    }

    /// Creates an auth method, or replaces the one of that name.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn acl_auth_method_create(
        &self,
        method: &AclAuthMethod,
        options: &QueryOptions,
    ) -> Result<AclAuthMethod, Error> {
        let request = self.acl(Method::PUT, "auth-method", options);
        self.call_json(request.json(method)).await
    }

    /// Replaces the auth method with the name of `method`.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn acl_auth_method_update(
        &self,
        method: &AclAuthMethod,
        options: &QueryOptions,
    ) -> Result<AclAuthMethod, Error> {
        let request = Request::under(Method::PUT, "/v1/acl/auth-method/", &method.name);
        let request = self.finish_read(request, options);
        self.call_json(request.json(method)).await
    }

    /// Removes an auth method with its binding rules and tokens.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn acl_auth_method_delete(
        &self,
        name: &str,
        options: &QueryOptions,
    ) -> Result<(), Error> {
        let request = Request::under(Method::DELETE, "/v1/acl/auth-method/", name);
        self.call_unit(self.finish_read(request, options)).await
    }

    /// The binding rules of a method; an empty name stands for all.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn acl_binding_rules(
        &self,
        method: &str,
        options: &QueryOptions,
    ) -> Result<Vec<AclBindingRule>, Error> {
        let request = self.acl(Method::GET, "binding-rules", options);
        self.call_json(request.param_some("authmethod", method))
            .await
    }

    /// The binding rule with this ID, if there is one.
    ///
    /// # Errors
    /// Any other failure of the call.
    pub async fn acl_binding_rule(
        &self,
        id: &str,
        options: &QueryOptions,
    ) -> Result<Option<AclBindingRule>, Error> {
        let request = self.acl(Method::GET, &format!("binding-rule/{id}"), options);
        self.acl_found(request).await
    }

    /// Creates a binding rule.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn acl_binding_rule_create(
        &self,
        rule: &AclBindingRule,
        options: &QueryOptions,
    ) -> Result<AclBindingRule, Error> {
        let request = self.acl(Method::PUT, "binding-rule", options);
        self.call_json(request.json(rule)).await
    }

    /// Replaces the binding rule with the ID of `rule`.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn acl_binding_rule_update(
        &self,
        rule: &AclBindingRule,
        options: &QueryOptions,
    ) -> Result<AclBindingRule, Error> {
        let path = format!("binding-rule/{}", rule.id);
        let request = self.acl(Method::PUT, &path, options);
        self.call_json(request.json(rule)).await
    }

    /// Removes a binding rule.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn acl_binding_rule_delete(
        &self,
        id: &str,
        options: &QueryOptions,
    ) -> Result<(), Error> {
        let request = self.acl(Method::DELETE, &format!("binding-rule/{id}"), options);
        self.call_unit(request).await
    }

    /// All templates by name.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn acl_templates(
        &self,
        options: &QueryOptions,
    ) -> Result<BTreeMap<String, AclTemplate>, Error> {
        self.call_json(self.acl(Method::GET, "templated-policies", options))
            .await
    }

    /// The template with this name.
    ///
    /// # Errors
    /// Any failure of the call; an unknown template is one.
    pub async fn acl_template(
        &self,
        name: &str,
        options: &QueryOptions,
    ) -> Result<AclTemplate, Error> {
        let path = format!("templated-policy/name/{name}");
        self.call_json(self.acl(Method::GET, &path, options)).await
    }

    /// The policy that a template gives when it is filled in.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn acl_template_preview(
        &self,
        name: &str,
        variables: &AclTemplateVariables,
        options: &QueryOptions,
    ) -> Result<AclPolicy, Error> {
        let path = format!("templated-policy/preview/{name}");
        let request = self.acl(Method::POST, &path, options);
        self.call_json(request.json(variables)).await
    }

    /// Trades the proof of an identity for a token.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn acl_login(
        &self,
        login: &AclLogin,
        options: &QueryOptions,
    ) -> Result<AclToken, Error> {
        let request = self.acl(Method::POST, "login", options);
        self.call_json(request.json(login)).await
    }

    /// Removes the token of the request, which must come from a login.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn acl_logout(&self, options: &QueryOptions) -> Result<(), Error> {
        self.call_unit(self.acl(Method::POST, "logout", options))
            .await
    }

    /// Sets one of the agent's own tokens (`default`, `agent`, `agent_recovery`, `replication`,
    /// `config_file_service_registration`, `dns`); an empty one takes it away.
    ///
    /// # Errors
    /// Any failure of the call.
    pub async fn agent_set_token(
        &self,
        kind: &str,
        token: &str,
        options: &QueryOptions,
    ) -> Result<(), Error> {
        let request = Request::new(Method::PUT, &format!("/v1/agent/token/{kind}"));
        let request = self.finish_read(request, options);
        self.call_unit(request.json(&json!({"Token": token}))).await
    }
}
