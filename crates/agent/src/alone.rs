//! The pools of an agent that does not gossip: itself.

use ports::{BoxFuture, Member, Members};
use std::net::SocketAddr;

/// An agent without others.
#[derive(Clone, Debug)]
pub struct Alone {
    lan: Member,
    wan: Option<Member>,
}

impl Alone {
    /// `wan` is how a server stands in the WAN pool; clients have none.
    pub fn new(lan: Member, wan: Option<Member>) -> Self {
        Self { lan, wan }
    }

    fn is_own(&self, address: &str) -> bool {
        let own = |member: &Member| {
            let ip = std::net::IpAddr::from(<[u8; 16]>::try_from(&*member.address).ok()?);
            Some(SocketAddr::new(ip.to_canonical(), member.port))
        };
        let asked: Option<SocketAddr> = address.parse().ok();
        asked.is_some()
            && [Some(&self.lan), self.wan.as_ref()]
                .into_iter()
                .flatten()
                .any(|m| own(m) == asked)
    }
}

impl Members for Alone {
    fn is_server(&self) -> bool {
        self.wan.is_some()
    }

    fn own(&self) -> Member {
        self.lan.clone()
    }

    fn lan(&self) -> Vec<Member> {
        vec![self.lan.clone()]
    }

    fn wan(&self) -> Option<Vec<Member>> {
        self.wan.clone().map(|member| vec![member])
    }

    fn join<'a>(&'a self, address: &'a str, _: bool) -> BoxFuture<'a, Result<(), String>> {
        let result = if self.is_own(address) {
            Ok(())
        } else {
            Err(format!(
                "1 error occurred:\n\t* Failed to join {address}: this agent does not gossip\n\n"
            ))
        };
        Box::pin(std::future::ready(result))
    }

    fn force_leave<'a>(
        &'a self,
        node: &'a str,
        _: bool,
        wan: bool,
    ) -> BoxFuture<'a, Result<(), String>> {
        let known = if wan {
            self.wan.as_ref().is_some_and(|member| member.name == node)
        } else {
            self.lan.name == node
        };
        let shown = if wan { "" } else { node };
        let result = if known {
            Ok(())
        } else {
            Err(format!("agent: No node found with name '{shown}'"))
        };
        Box::pin(std::future::ready(result))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn joining_oneself_is_nothing() {
        let member = |name: &str, port| Member {
            name: name.into(),
            address: std::net::Ipv4Addr::LOCALHOST
                .to_ipv6_mapped()
                .octets()
                .to_vec(),
            port,
            status: ports::MEMBER_ALIVE,
            ..Member::default()
        };
        let alone = Alone::new(member("a", 1), Some(member("a.dc1", 2)));
        assert_eq!(alone.join("127.0.0.1:1", false).await, Ok(()));
        assert!(alone.join("127.0.0.1:3", false).await.is_err());
        assert_eq!(alone.force_leave("a", false, false).await, Ok(()));
        assert_eq!(
            alone.force_leave("a", false, true).await.unwrap_err(),
            "agent: No node found with name ''"
        );
    }
}
