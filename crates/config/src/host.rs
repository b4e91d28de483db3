//! Facts about the machine and its files, behind a trait so that loading a configuration is repeatable in tests.

use std::io;
use std::net::IpAddr;

/// Longest configuration file that is read.
pub const FILE_BYTES_MAX: u64 = 64 << 20;

/// What a path is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file (links followed).
    File,
    /// A directory (links followed).
    Directory,
    /// Anything else.
    Other,
}

/// An address of a network interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Name, `eth0`.
    pub name: String,
    /// Address.
    pub ip: IpAddr,
    /// Length of the network prefix in bits.
    pub prefix: u8,
    /// Index of the interface (order of the system).
    pub index: u32,
    /// Maximum transfer unit in bytes.
    pub mtu: u32,
    /// Hardware address as text, may be empty.
    pub mac: String,
    /// The interface is up.
    pub up: bool,
    /// It is a loopback interface.
    pub loopback: bool,
    /// It can broadcast.
    pub broadcast: bool,
    /// It is a point-to-point link.
    pub point_to_point: bool,
    /// It can multicast.
    pub multicast: bool,
    /// The default route leaves through it.
    pub default_route: bool,
}

/// The machine.
pub trait Host {
    /// Content of a file, at most [`FILE_BYTES_MAX`].
    fn read(&self, path: &str) -> io::Result<Vec<u8>>;
    /// What a path is, links followed.
    fn kind(&self, path: &str) -> io::Result<FileKind>;
    /// Names in a directory, any order.
    fn list(&self, path: &str) -> io::Result<Vec<String>>;
    /// Host name.
    fn hostname(&self) -> String;
    /// Addresses of all interfaces.
    fn interfaces(&self) -> Vec<Interface>;
    /// An environment variable.
    fn env(&self, name: &str) -> Option<String>;
    /// How many files the process may open, where that is known.
    fn open_files_max(&self) -> Option<u64>;
}

/// The machine this process runs on.
#[derive(Clone, Copy, Debug, Default)]
pub struct ThisHost;

impl Host for ThisHost {
    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        use std::io::Read;
        let mut out = Vec::new();
        std::fs::File::open(path)?
            .take(FILE_BYTES_MAX + 1)
            .read_to_end(&mut out)?;
        if out.len() as u64 > FILE_BYTES_MAX {
            return Err(io::Error::other("file too large"));
        }
        Ok(out)
    }

    fn kind(&self, path: &str) -> io::Result<FileKind> {
        let meta = std::fs::metadata(path)?;
        Ok(if meta.is_dir() {
            FileKind::Directory
        } else if meta.is_file() {
            FileKind::File
        } else {
            FileKind::Other
        })
    }

    fn list(&self, path: &str) -> io::Result<Vec<String>> {
        std::fs::read_dir(path)?
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect()
    }

    fn hostname(&self) -> String {
        nix::unistd::gethostname()
            .ok()
            .and_then(|n| n.into_string().ok())
            .unwrap_or_default()
    }

    fn interfaces(&self) -> Vec<Interface> {
        use nix::net::if_::InterfaceFlags as F;
        let Ok(all) = nix::ifaddrs::getifaddrs() else {
            return Vec::new();
        };
        let default = default_routes();
        let mut out: Vec<Interface> = all
            .filter_map(|a| {
                let ip = ip_of(a.address.as_ref()?)?;
                let prefix = a.netmask.as_ref().and_then(ip_of).map_or(0, prefix_of);
                let read = |file: &str| {
                    std::fs::read_to_string(format!("/sys/class/net/{}/{file}", a.interface_name))
                        .unwrap_or_default()
                        .trim()
                        .to_string()
                };
                Some(Interface {
                    ip,
                    prefix,
                    index: read("ifindex").parse().unwrap_or(u32::MAX),
                    mtu: read("mtu").parse().unwrap_or(0),
                    mac: read("address"),
                    up: a.flags.contains(F::IFF_UP),
                    loopback: a.flags.contains(F::IFF_LOOPBACK),
                    broadcast: a.flags.contains(F::IFF_BROADCAST),
                    point_to_point: a.flags.contains(F::IFF_POINTOPOINT),
                    multicast: a.flags.contains(F::IFF_MULTICAST),
                    default_route: default.contains(&a.interface_name),
                    name: a.interface_name,
                })
            })
            .collect();
        out.sort_by_key(|i| i.index);
        out
    }

    fn env(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn open_files_max(&self) -> Option<u64> {
        // The line reads: name of the limit, soft value, hard value, unit.
        let text = std::fs::read_to_string("/proc/self/limits").ok()?;
        let line = text.lines().find(|l| l.starts_with("Max open files"))?;
        line.split_whitespace().nth(4)?.parse().ok()
    }
}

fn ip_of(a: &nix::sys::socket::SockaddrStorage) -> Option<IpAddr> {
    a.as_sockaddr_in()
        .map(|v4| IpAddr::V4(v4.ip()))
        .or_else(|| a.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip())))
}

fn prefix_of(mask: IpAddr) -> u8 {
    match mask {
        IpAddr::V4(m) => u32::from(m).count_ones() as u8,
        IpAddr::V6(m) => u128::from(m).count_ones() as u8,
    }
}

/// Interfaces with a default route, from the kernel's routing table.
fn default_routes() -> Vec<String> {
    std::fs::read_to_string("/proc/net/route")
        .unwrap_or_default()
        .lines()
        .skip(1)
        .filter_map(|line| {
            let mut columns = line.split_whitespace();
            let name = columns.next()?;
            (columns.next()? == "00000000").then(|| name.to_string())
        })
        .collect()
}

/// The text Go prints for an I/O error on a path: `open «path»: no such file or directory`.
pub(crate) fn go_error(operation: &str, path: &str, e: &io::Error) -> String {
    let why = match e.raw_os_error() {
        Some(code) => {
            let text = nix::errno::Errno::from_raw(code).desc();
            let mut chars = text.chars();
            chars
                .next()
                .map(|c| c.to_lowercase().collect::<String>() + chars.as_str())
                .unwrap_or_default()
        }
        None if e.kind() == io::ErrorKind::NotFound => "no such file or directory".to_string(),
        None => e.to_string(),
    };
    format!("{operation} {path}: {why}")
}
