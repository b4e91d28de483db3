struct No;
impl cli::AgentMain for No {
    fn run(&self, _: config::Flags, _: &cli::BuildInfo) -> i32 { 99 }
}
fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let env = cli::Environment::of_process();
    let (mut i, mut o, mut e) = (std::io::stdin(), std::io::stdout(), std::io::stderr());
    let io = cli::Io { stdin: &mut i, stdout: &mut o, stderr: &mut e };
    let build = cli::BuildInfo { version: "1.21.4".into(), prerelease: String::new(), metadata: String::new(), revision: String::new(), build_date: "2025-08-13T15:25:21Z".into() };
    let process = cli::Process { agent: &No, build };
    std::process::exit(cli::run(&args, &env, io, &process));
}
