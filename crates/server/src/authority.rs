//! The mesh's certificate authority, as far as its beginning: the first leader of a cluster names the cluster and makes the
//! root of the built-in provider (spec/mesh.md §8.1–§8.4). Signing, rotation and other providers join here.

use crate::leader::DUTY;
use crate::server::Server;
use dialect::{Any, Dict, GoTime, List};
use model::{CaConfiguration, CaProviderState, CaRoot};
use ports::RpcError;
use rand::Rng;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};
use wire::command::CaRequest;
use wire::{Command, Outcome};

/// Settings of a new authority before those of the operator, as texts.
const DEFAULTS: [(&str, &str); 3] = [
    ("IntermediateCertTTL", "8760h"),
    ("LeafCertTTL", "72h"),
    ("RootCertTTL", "87600h"),
];
/// Lifetime of a root whose configuration tells none that can be read: ten years of 365 days.
const ROOT_TTL: Duration = Duration::from_secs(87_600 * 3600);
/// Wait before a failed initialisation is tried again.
const RETRY: Duration = Duration::from_secs(5);
/// The built-in provider.
const BUILTIN: &str = "consul";
/// Digits of the random part of a root's name.
const UID_DIGITS: usize = 8;

/// What the operator says about a new cluster's authority.
#[derive(Clone, Debug, Default)]
pub struct AuthorityConfig {
    /// `consul`, or empty for the same. Others are not made here: the cluster has no authority then.
    pub provider: String,
    /// Settings of the provider, by their names in CamelCase; `cluster_id` as it is.
    pub settings: Dict<Any>,
}

impl Server {
    /// Makes the authority if the cluster has none: a duty of the leader, which ends with its term.
    pub(crate) async fn found_authority(self: Arc<Self>) {
        let Some(config) = self.config.authority.clone() else {
            return;
        };
        loop {
            match self.initialise_authority(&config).await {
                Ok(true) => tracing::info!(
                    target: "connect.ca",
                    provider = BUILTIN,
                    "initialized primary datacenter CA with provider"
                ),
                Ok(false) => {}
                Err(error) => {
                    tracing::error!(%error, "Failed to initialize Connect CA");
                    self.time.sleep(RETRY).await;
                    continue;
                }
            }
            return;
        }
    }

    /// Whether it had to be made.
    async fn initialise_authority(&self, config: &AuthorityConfig) -> Result<bool, RpcError> {
        let text = |name: &str| match config.settings.get(name) {
            Some(Any::Str(text)) => text.clone(),
            _ => String::new(),
        };
        let root = self.root(&DUTY);
        if !root.ca_roots().rows.is_empty() {
            return Ok(false);
        }
        if !matches!(&*config.provider, "" | BUILTIN) || !plain(&config.settings) {
            tracing::warn!(
                provider = %config.provider,
                "no certificate authority is made: only the built-in provider with a new P-256 key exists yet"
            );
            return Ok(false);
        }
        let mut cluster_id = text("cluster_id");
        if let Some(stored) = &root.ca_config().rows {
            cluster_id.clone_from(&stored.cluster_id);
        }
        if cluster_id.is_empty() {
            cluster_id = (self.config.ids)();
        }
        let mut settings: Dict<Any> = DEFAULTS.map(|(k, v)| (k, Any::from(v))).into();
        settings
            .make_mut()
            .extend(config.settings.iter().map(|(k, v)| (k.clone(), v.clone())));
        let root_ttl = match settings.get("RootCertTTL") {
            Some(Any::Str(text)) => dialect::duration::parse(text)
                .ok()
                .and_then(|nanos| u64::try_from(nanos).ok())
                .map_or(ROOT_TTL, Duration::from_nanos),
            _ => ROOT_TTL,
        };
        self.ask_authority(CaRequest {
            op: "set-config".to_owned(),
            config: Some(Box::new(CaConfiguration {
                cluster_id: cluster_id.clone(),
                provider: BUILTIN.to_owned(),
                config: settings,
                ..CaConfiguration::default()
            })),
            ..CaRequest::default()
        })
        .await?;
        let id = provider_id(
            &text("PrivateKey"),
            &text("RootCert"),
            &text("PrivateKeyType"),
        );
        let state = |key: &str, certificate: &str| CaRequest {
            op: "set-provider-state".to_owned(),
            provider_state: Some(Box::new(CaProviderState {
                id: id.clone(),
                private_key: key.to_owned(),
                root_cert: certificate.to_owned(),
                ..CaProviderState::default()
            })),
            ..CaRequest::default()
        };
        self.ask_authority(state("", "")).await?;
        let serial = match self
            .ask_authority(CaRequest {
                op: "increment-provider-serial".to_owned(),
                ..CaRequest::default()
            })
            .await?
        {
            Outcome::Index(serial) => serial,
            _ => return Err(RpcError::refused("no serial number")),
        };
        let now = self
            .time
            .wall()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let seconds = |at: Duration| i64::try_from(at.as_secs()).unwrap_or(i64::MAX);
        let (begin, end) = (seconds(now), seconds(now.saturating_add(root_ttl)));
        let made = pki::root(&cluster_id, &uid(), serial, begin, end).map_err(|error| {
            RpcError::refused(format!("error generating CA root certificate: {error}"))
        })?;
        self.ask_authority(state(&made.key, &made.certificate))
            .await?;
        let active = CaRoot {
            id: made.id,
            name: "Consul CA Primary Cert".to_owned(),
            serial_number: serial,
            signing_key_id: made.key_id,
            external_trust_domain: cluster_id,
            not_before: GoTime::from_unix(begin, 0),
            not_after: GoTime::from_unix(end, 0),
            root_cert: made.certificate,
            active: true,
            private_key_type: "ec".to_owned(),
            private_key_bits: 256,
            ..CaRoot::default()
        };
        let set = CaRequest {
            op: "set-roots".to_owned(),
            index: self.root(&DUTY).ca_roots().index,
            roots: List::from(vec![active]),
            ..CaRequest::default()
        };
        self.ask_authority(set).await?;
        Ok(true)
    }

    async fn ask_authority(&self, mut request: CaRequest) -> Result<Outcome, RpcError> {
        request.datacenter.clone_from(&self.config.datacenter);
        match self
            .propose(&DUTY, &Command::ConnectCa(Box::new(request)))
            .await?
        {
            Outcome::Error(error) => Err(RpcError::refused(error)),
            outcome => Ok(outcome),
        }
    }
}

/// Whether the operator leaves key and certificate to the provider, in the form it makes here.
fn plain(settings: &Dict<Any>) -> bool {
    settings.iter().all(|(name, value)| match (&**name, value) {
        ("PrivateKey" | "RootCert", Any::Str(text)) => text.is_empty(),
        ("PrivateKeyType", Any::Str(text)) => matches!(&**text, "" | "ec"),
        ("PrivateKeyBits", value) => {
            matches!(value, Any::Int(0 | 256) | Any::Uint(0 | 256))
                || matches!(value, Any::Float(bits) if *bits == 256.0)
        }
        _ => true,
    })
}

/// Under what the provider's state is found: the hash of what it was made from.
fn provider_id(key: &str, certificate: &str, key_type: &str) -> String {
    let from = format!(
        "{key},{certificate},{},256,true",
        if key_type.is_empty() { "ec" } else { key_type }
    );
    Sha256::digest(from)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Random base-36 digits.
fn uid() -> String {
    let mut random = rand::rng();
    (0..UID_DIGITS)
        .filter_map(|_| char::from_digit(random.random_range(0..36), 36))
        .collect()
}
