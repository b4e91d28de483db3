//! Where lines of a pool stand in the log: loggers are named as the reference names them.

use swim::Note;

/// Whose pool it is, which names its loggers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Logger {
    /// A server in its datacenter's pool: `agent.server.serf.lan`, `agent.server.memberlist.lan`.
    ServerLan,
    /// A server in the pool of all datacenters: `agent.server.serf.wan`, `agent.server.memberlist.wan`.
    ServerWan,
    /// A client agent: `agent.client.serf.lan`, `agent.client.memberlist.lan`.
    Client,
}

/// One event of the log under the name that fits.
macro_rules! line {
    ($logger:expr, $part:literal, $level:ident, $($rest:tt)*) => {
        match $logger {
            Logger::ServerLan => tracing::$level!(target: concat!("agent.server.", $part, ".lan"), $($rest)*),
            Logger::ServerWan => tracing::$level!(target: concat!("agent.server.", $part, ".wan"), $($rest)*),
            Logger::Client => tracing::$level!(target: concat!("agent.client.", $part, ".lan"), $($rest)*),
        }
    };
}

impl Logger {
    /// What swim has to say.
    pub(crate) fn note(self, note: &Note) {
        match note {
            Note::Failed { .. } | Note::Suspect { .. } => {
                line!(self, "memberlist", info, "memberlist: {note}");
            }
            Note::PushPull { .. } => line!(self, "memberlist", error, "memberlist: {note}"),
            Note::RefutedAlive { .. }
            | Note::RefutedDead { .. }
            | Note::RefutedSuspect { .. }
            | Note::ForeignPing { .. }
            | Note::OnlyStreams { .. }
            | Note::Ignored { .. }
            | Note::Moved { .. }
            | Note::Jump { .. }
            | Note::Limit { .. } => line!(self, "memberlist", warn, "memberlist: {note}"),
        }
    }

    /// A packet that could not be read. A flood of garbage must not become a flood of lines: the level is below what is usual.
    pub(crate) fn packet(self, from: std::net::SocketAddr, error: &swim::PacketError) {
        line!(self, "memberlist", debug, "memberlist: {error} from={from}");
    }

    /// A stream of another that came to nothing.
    pub(crate) fn stream(self, from: std::net::SocketAddr, error: &dyn std::fmt::Display) {
        line!(self, "memberlist", debug, "memberlist: {error} from={from}");
    }

    /// Something is wrong with this machine.
    pub(crate) fn trouble(self, what: &str, error: &dyn std::fmt::Display) {
        line!(self, "serf", error, "serf: {what}: {error}");
    }

    /// A member came or went.
    pub(crate) fn member(self, what: &str, member: &serf::Member) {
        let (name, address) = (&member.name, member.addr.ip());
        line!(self, "serf", info, "serf: {what}: {name} {address}");
    }

    /// Something worth knowing.
    pub(crate) fn told(self, text: &str) {
        line!(self, "serf", info, "serf: {text}");
    }

    /// Something that should not be.
    pub(crate) fn warning(self, text: &str) {
        line!(self, "serf", warn, "serf: {text}");
    }
}
