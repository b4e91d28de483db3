//! The entry point of a container: known variables become arguments, folders get their owner, root becomes somebody else, and
//! this very process goes on as the command (spec: kubernetes.md §4.2). There is no shell and no second process.

use cli::Environment;
use config::Interface;
use std::ffi::OsStr;
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;

/// The name under which the known image starts its entry point.
const SCRIPT: &str = "docker-entrypoint.sh";
/// The command that does the same.
const COMMAND: &str = "container";
/// Exit status of shells for a program that cannot be run, and for one that is not there.
const CANNOT_RUN: i32 = 126;
const NOT_FOUND: i32 = 127;

/// Why nothing is run: the exit status, and what to say.
#[derive(Debug, PartialEq, Eq)]
pub struct Refusal(pub i32, pub String);

impl From<String> for Refusal {
    fn from(text: String) -> Self {
        Self(1, text)
    }
}

/// The arguments of the entry point, if it is what was asked for. `container --help` is a question about it.
pub fn asked<'a>(program: Option<&OsStr>, args: &'a [String]) -> Option<&'a [String]> {
    let name = program.and_then(|program| Path::new(program).file_name());
    if name == Some(OsStr::new(SCRIPT)) {
        return Some(args);
    }
    let (first, rest) = args.split_first()?;
    let is_help = matches!(rest, [only] if ["-h", "-help", "--help"].contains(&only.as_str()));
    (first == COMMAND && !is_help).then_some(rest)
}

/// Prepares the process; the arguments to go on with. A program that is not ours takes the process's place.
///
/// # Errors
/// What cannot be prepared.
pub fn enter(args: &[String], env: &Environment) -> Result<Vec<String>, Refusal> {
    let is_ours = |word: &str| cli::commands::TABLE.find(word).is_some();
    let interfaces = || config::Host::interfaces(&config::ThisHost);
    let mut plan = plan(args, env, &is_ours, &interfaces)?;
    if let Some((program, args)) = plan.other {
        let error = std::process::Command::new(&program).args(args).exec();
        let code = match error.kind() {
            io::ErrorKind::NotFound => NOT_FOUND,
            _ => CANNOT_RUN,
        };
        return Err(Refusal(code, format!("exec {program}: {}", said(&error))));
    }
    let user =
        match nix::unistd::geteuid().is_root() && env.get("CONSUL_DISABLE_PERM_MGMT").is_none() {
            true => Some(User::of(env, &|path| std::fs::read_to_string(path))?),
            false => None,
        };
    if let Some(text) = env.get("CONSUL_LOCAL_CONFIG") {
        let path = format!("{}/local.json", plan.config);
        match write(&path, text, user) {
            Ok(()) => {}
            // Nobody can write here: the same text from memory.
            Err(e) if e.kind() == io::ErrorKind::ReadOnlyFilesystem && plan.is_agent => {
                plan.ours.push(format!("-hcl={text}"));
            }
            Err(e) => return Err(format!("CONSUL_LOCAL_CONFIG: {path}: {}", said(&e)).into()),
        }
    }
    if let Some(user) = user {
        for folder in [&plan.data, &plan.config] {
            user.take(Path::new(folder));
        }
        user.become_it()?;
    }
    Ok(plan.ours)
}

/// What is to be run.
#[derive(Debug, Default, PartialEq, Eq)]
struct Plan {
    /// A program that is not ours, and its arguments.
    other: Option<(String, Vec<String>)>,
    /// Arguments of ours.
    ours: Vec<String>,
    is_agent: bool,
    data: String,
    config: String,
}

fn plan(
    args: &[String],
    env: &Environment,
    is_ours: &dyn Fn(&str) -> bool,
    interfaces: &dyn Fn() -> Vec<Interface>,
) -> Result<Plan, String> {
    let folder = |name: &str, usual: &str| env.get(name).unwrap_or(usual).to_owned();
    let mut plan = Plan {
        data: folder("CONSUL_DATA_DIR", "/consul/data"),
        config: folder("CONSUL_CONFIG_DIR", "/consul/config"),
        ..Plan::default()
    };
    match args.split_first() {
        Some((first, rest)) if first == "agent" => {
            plan.is_agent = true;
            plan.ours = vec![
                first.clone(),
                format!("-data-dir={}", plan.data),
                format!("-config-dir={}", plan.config),
            ];
            plan.ours.extend(address(env, "bind", interfaces)?);
            plan.ours.extend(address(env, "client", interfaces)?);
            plan.ours.extend_from_slice(rest);
        }
        // Manifests also say the program's name.
        Some((first, rest)) if first == "consul" || first == "proconsul" => {
            plan.ours = rest.to_vec()
        }
        Some((first, rest)) if !first.starts_with('-') && !is_ours(first) => {
            plan.other = Some((first.clone(), rest.to_vec()));
        }
        _ => plan.ours = args.to_vec(),
    }
    Ok(plan)
}

/// `-bind` or `-client`: flags as they are given, or the first IPv4 address of the interface that is named.
fn address(
    env: &Environment,
    flag: &str,
    interfaces: &dyn Fn() -> Vec<Interface>,
) -> Result<Vec<String>, String> {
    let variable = format!("CONSUL_{}", flag.to_ascii_uppercase());
    if let Some(flags) = env.get(&variable) {
        return Ok(flags.split_whitespace().map(str::to_owned).collect());
    }
    let variable = format!("{variable}_INTERFACE");
    let Some(name) = env.get(&variable) else {
        return Ok(Vec::new());
    };
    let found = interfaces()
        .into_iter()
        .find(|i| i.name == name && i.ip.is_ipv4());
    match found {
        Some(found) => Ok(vec![format!("-{flag}={}", found.ip)]),
        None => Err(format!("{variable}: no IPv4 address on interface {name:?}")),
    }
}

/// Whom the process becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct User {
    id: u32,
    group: u32,
    /// It may listen on ports below 1024.
    low_ports: bool,
}

impl User {
    /// From `CONSUL_UID` and `CONSUL_GID`: numbers, or names in the container's own files. Static programs ask no name service.
    fn of(env: &Environment, read: &dyn Fn(&str) -> io::Result<String>) -> Result<Self, String> {
        let number = |variable: &str, file: &str| -> Result<u32, String> {
            let name = env.get(variable).unwrap_or("consul");
            if let Ok(number) = name.parse() {
                return Ok(number);
            }
            let text = read(file).unwrap_or_default();
            let fields = text.lines().map(|line| line.split(':').collect::<Vec<_>>());
            let found = fields
                .filter(|f| f.first() == Some(&name))
                .find_map(|f| f.get(2)?.parse().ok());
            found.ok_or_else(|| {
                format!("{name:?} is not in {file}: set {variable} to a number, or CONSUL_DISABLE_PERM_MGMT to stay who you are")
            })
        };
        Ok(Self {
            id: number("CONSUL_UID", "/etc/passwd")?,
            group: number("CONSUL_GID", "/etc/group")?,
            low_ports: env.get("CONSUL_ALLOW_PRIVILEGED_PORTS").is_some(),
        })
    }

    /// Makes the folder its own; only the folder, whose content may be large. Network file systems may refuse.
    fn take(self, folder: &Path) {
        let Ok(found) = std::fs::metadata(folder) else {
            return;
        };
        if found.uid() == self.id {
            return;
        }
        if let Err(error) = std::os::unix::fs::chown(folder, Some(self.id), Some(self.group)) {
            eprintln!("==> {} keeps its owner: {}", folder.display(), said(&error));
        }
    }

    /// Groups first: afterwards nothing may be changed any more.
    fn become_it(self) -> Result<(), String> {
        use rustix::thread::{
            CapabilitySet, CapabilitySets, set_capabilities, set_keep_capabilities,
        };
        let (user, group) = (
            nix::unistd::Uid::from_raw(self.id),
            nix::unistd::Gid::from_raw(self.group),
        );
        let told = |what: &str, why: String| {
            format!("cannot become {}:{}: {what}: {why}", self.id, self.group)
        };
        if self.low_ports {
            set_keep_capabilities(true).map_err(|e| told("capabilities", e.to_string()))?;
        }
        nix::unistd::setgroups(&[group]).map_err(|e| told("groups", e.desc().to_owned()))?;
        nix::unistd::setresgid(group, group, group)
            .map_err(|e| told("group", e.desc().to_owned()))?;
        nix::unistd::setresuid(user, user, user).map_err(|e| told("user", e.desc().to_owned()))?;
        if self.low_ports {
            // This one, for this process alone: what it starts has none.
            let one = CapabilitySet::NET_BIND_SERVICE;
            let sets = CapabilitySets {
                effective: one,
                permitted: one,
                inheritable: CapabilitySet::empty(),
            };
            set_capabilities(None, sets).map_err(|e| told("capabilities", e.to_string()))?;
        }
        Ok(())
    }
}

/// Writes the file for the agent alone: it may hold secrets. The folder may be the agent's already: root follows no link there.
fn write(path: &str, text: &str, user: Option<User>) -> io::Result<()> {
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .custom_flags(nix::fcntl::OFlag::O_NOFOLLOW.bits())
        .open(path)?;
    file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
    if let Some(user) = user {
        std::os::unix::fs::fchown(&file, Some(user.id), Some(user.group))?;
    }
    io::Write::write_all(&mut file, text.as_bytes())
}

/// The reason in words, without the number of the system's error.
fn said(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(code) => nix::errno::Errno::from_raw(code).desc().to_owned(),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    fn env(pairs: &[(&str, &str)]) -> Environment {
        Environment(
            pairs
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect(),
        )
    }

    fn interfaces() -> Vec<Interface> {
        let one = |name: &str, ip: &str| Interface {
            name: name.into(),
            ip: ip.parse().unwrap(),
            prefix: 24,
            index: 1,
            mtu: 1500,
            mac: String::new(),
            up: true,
            loopback: false,
            broadcast: true,
            point_to_point: false,
            multicast: true,
            default_route: false,
        };
        vec![
            one("eth0", "fe80::1"),
            one("eth0", "10.0.0.7"),
            one("eth0", "10.0.0.8"),
        ]
    }

    fn planned(args: &str, pairs: &[(&str, &str)]) -> Result<Plan, String> {
        let is_ours = |word: &str| ["agent", "members", "kv"].contains(&word);
        plan(&words(args), &env(pairs), &is_ours, &interfaces)
    }

    #[test]
    fn when_it_is_the_entry_point() {
        let asked = |program: &str, args: &str| {
            let args = words(args);
            asked(Some(OsStr::new(program)), &args).map(<[String]>::to_vec)
        };
        assert_eq!(
            asked("/usr/local/bin/docker-entrypoint.sh", "agent -dev"),
            Some(words("agent -dev"))
        );
        assert_eq!(asked("docker-entrypoint.sh", ""), Some(vec![]));
        assert_eq!(
            asked("/bin/proconsul", "container agent -dev"),
            Some(words("agent -dev"))
        );
        assert_eq!(asked("/bin/proconsul", "container -h"), None);
        assert_eq!(asked("/bin/proconsul", "agent -dev"), None);
        assert_eq!(asked("/bin/proconsul", ""), None);
    }

    #[test]
    fn variables_become_arguments() {
        let usual = "agent -data-dir=/consul/data -config-dir=/consul/config";
        for (args, pairs, want) in [
            ("agent -dev", &[][..], format!("{usual} -dev")),
            (
                "agent",
                &[
                    ("CONSUL_BIND_INTERFACE", "eth0"),
                    ("CONSUL_CLIENT_INTERFACE", "eth0"),
                ],
                format!("{usual} -bind=10.0.0.7 -client=10.0.0.7"),
            ),
            // Whole flags win over the interface, the user's own stand last and win over both.
            (
                "agent -bind=1.2.3.4",
                &[
                    ("CONSUL_BIND", "-bind=0.0.0.0 -x"),
                    ("CONSUL_BIND_INTERFACE", "none"),
                ],
                format!("{usual} -bind=0.0.0.0 -x -bind=1.2.3.4"),
            ),
            (
                "agent",
                &[
                    ("CONSUL_DATA_DIR", "/d"),
                    ("CONSUL_CONFIG_DIR", "/c"),
                    ("CONSUL_BIND", ""),
                ],
                "agent -data-dir=/d -config-dir=/c".into(),
            ),
            ("-v", &[], "-v".into()),
            (
                "members -wan",
                &[("CONSUL_BIND_INTERFACE", "none")],
                "members -wan".into(),
            ),
            ("consul kv get a", &[], "kv get a".into()),
            ("", &[], String::new()),
        ] {
            let plan = planned(args, pairs).unwrap();
            assert_eq!(
                (plan.ours, plan.other),
                (words(&want), None),
                "{args} {pairs:?}"
            );
        }
        let plan = planned("sh -c x", &[]).unwrap();
        assert_eq!(plan.other, Some(("sh".into(), words("-c x"))));
        assert_eq!(
            planned("agent", &[("CONSUL_CLIENT_INTERFACE", "eth9")]),
            Err("CONSUL_CLIENT_INTERFACE: no IPv4 address on interface \"eth9\"".into())
        );
    }

    #[test]
    fn users_by_number_and_by_name() {
        let read = |path: &str| match path {
            "/etc/passwd" => Ok("root:x:0:0::/:\nconsul:x:100:1000::/consul:\n".to_owned()),
            "/etc/group" => Ok("consul:x:1000:\nbad:x:no:\n".to_owned()),
            _ => Err(io::ErrorKind::NotFound.into()),
        };
        let of = |pairs: &[(&str, &str)]| {
            User::of(&env(pairs), &read).map(|u| (u.id, u.group, u.low_ports))
        };
        assert_eq!(of(&[]), Ok((100, 1000, false)));
        assert_eq!(
            of(&[
                ("CONSUL_UID", "7"),
                ("CONSUL_GID", "8"),
                ("CONSUL_ALLOW_PRIVILEGED_PORTS", "")
            ]),
            Ok((7, 8, false))
        );
        assert_eq!(
            of(&[
                ("CONSUL_UID", "root"),
                ("CONSUL_ALLOW_PRIVILEGED_PORTS", "1")
            ]),
            Ok((0, 1000, true))
        );
        for group in ["nobody", "bad"] {
            let told = of(&[("CONSUL_GID", group)]).unwrap_err();
            assert!(
                told.starts_with(&format!("{group:?} is not in /etc/group: set CONSUL_GID")),
                "{told}"
            );
        }
    }
}
