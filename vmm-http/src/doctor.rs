//! `vmm-http doctor`: tries everything that vmm needs, and says what to do about what is missing.

use std::io::ErrorKind;
use std::path::Path;
use std::process::ExitCode;

use tokio::net::TcpListener;
use vmm_core::hypervisor::Host;
use vmm_core::model::{OsFilter, Role, UserFilter};
use vmm_core::{Actor, Vmm};

use crate::config::Config;
use crate::{Failed, say};

/// Less free space in the pool than this is worth a warning, in bytes.
const LITTLE_SPACE: u64 = 10 << 30;

/// What was found about one thing.
enum Finding {
    Ok(String),
    /// It works, and could be better.
    Warning(String),
    /// It does not work.
    Problem(String),
}

use Finding::{Ok as Fine, Problem, Warning};

struct Report {
    healthy: bool,
}

impl Report {
    fn tell(&mut self, subject: &str, finding: Finding) -> Result<(), Failed> {
        let (word, text) = match finding {
            Fine(text) => ("ok     ", text),
            Warning(text) => ("warning", text),
            Problem(text) => {
                self.healthy = false;
                ("problem", text)
            }
        };
        Ok(say(&format!("{word} {subject}: {text}"))?)
    }
}

/// Tries everything. The exit code is 1 if there is a problem.
pub(crate) async fn run(config: &Config) -> Result<ExitCode, Failed> {
    let mut report = Report { healthy: true };
    for part in Vmm::MISSING {
        report.tell("program", Problem(format!("was built without {part}; build it with its default features")))?;
    }
    report.tell("listen", port(config).await)?;
    let (database, key, files) =
        (file(&config.desk.database), file(&config.desk.master_key), file_area(&config.desk.files));
    let made = matches!((&database, &key, &files), (Fine(_), Fine(_), Fine(_)));
    report.tell("database", database)?;
    report.tell("master key", key)?;
    report.tell("file area", files)?;
    if made {
        match Vmm::open(&config.desk).await {
            Ok(vmm) => desk(&vmm, config, &mut report).await?,
            Err(error) => report.tell("desk", Problem(format!("{error}; mend it, then run vmm-http doctor again")))?,
        }
    }
    Ok(if report.healthy { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Whether a file is there and it and its directory can be written. Doctor makes none.
fn file(path: &Path) -> Finding {
    let shown = path.display();
    if let Err(error) = std::fs::OpenOptions::new().append(true).open(path) {
        return match error.kind() {
            ErrorKind::NotFound => Problem(format!("{shown} is not there; run vmm-http init")),
            _ => Problem(format!("{shown} cannot be written: {error}; run as the user that owns it")),
        };
    }
    let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match try_writing(directory) {
        Ok(()) => Fine(format!("{shown} can be written")),
        Err(error) => Problem(format!("{} cannot be written: {error}; SQLite keeps files there", directory.display())),
    }
}

/// Whether the directory of users' files is there and can be written. Doctor makes none.
fn file_area(path: &Path) -> Finding {
    let shown = path.display();
    match try_writing(path) {
        Ok(()) => Fine(format!("{shown} can be written")),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Problem(format!("{shown} is not there; run vmm-http init"))
        }
        Err(error) => Problem(format!("{shown} cannot be written: {error}; run as the user that owns it")),
    }
}

fn try_writing(directory: &Path) -> std::io::Result<()> {
    let probe = directory.join(format!(".vmm-doctor-{}", std::process::id()));
    std::fs::File::create_new(&probe).and_then(|_| std::fs::remove_file(&probe))
}

async fn port(config: &Config) -> Finding {
    let address = config.listen;
    match TcpListener::bind(address).await {
        Ok(_) => Fine(format!("{address} is free")),
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            Warning(format!("{address} is in use: right if vmm-http serves already, otherwise set another listen"))
        }
        Err(error) => Problem(format!("{address} cannot be listened on: {error}; set another listen")),
    }
}

async fn desk(vmm: &Vmm, config: &Config, report: &mut Report) -> Result<(), Failed> {
    report.tell("admin", admin(vmm).await)?;
    match vmm.host(&Actor::System).await {
        Ok(host) => {
            report.tell("hypervisor", Fine(format!("{} on {}", host.hypervisor, host.name)))?;
            report.tell("pool", pool(&host, config))?;
            report.tell("network", network(&host, config))?;
            report.tell("kvm", acceleration(&host))?;
        }
        Err(error) => {
            let advice = format!(
                "check that libvirtd runs, that this user may reach {}, and that pool {} and network {} exist and are \
                 active (virsh pool-start, virsh net-start)",
                config.desk.libvirt_uri, config.desk.pool, config.desk.network
            );
            report.tell("hypervisor", Problem(format!("{error}; {advice}")))?;
        }
    }
    report.tell("catalog", catalog(vmm).await)?;
    images(vmm, report).await
}

async fn admin(vmm: &Vmm) -> Finding {
    match vmm.users(&Actor::System, &UserFilter::default()).await {
        Ok(users) => match users.iter().find(|user| user.role == Role::Admin) {
            Some(admin) => Fine(format!("{} can log in", admin.name)),
            None => Problem("there is none; run vmm-http init".to_owned()),
        },
        Err(error) => Problem(format!("the database does not answer: {error}")),
    }
}

fn pool(host: &Host, config: &Config) -> Finding {
    let (name, free) = (&config.desk.pool, host.pool_available);
    let text = format!("{name} has {} GiB free", free >> 30);
    if free < LITTLE_SPACE { Warning(format!("{text}; images and disks need more soon")) } else { Fine(text) }
}

fn network(host: &Host, config: &Config) -> Finding {
    let name = &config.desk.network;
    match host.subnet {
        Some(subnet) => Fine(format!("{name} hands out addresses of {}/{}", subnet.gateway, subnet.prefix)),
        None => Warning(format!(
            "{name} hands out no IPv4 addresses: machines find one only if another DHCP server does, and no request \
             can fix an address"
        )),
    }
}

fn acceleration(host: &Host) -> Finding {
    if host.accelerated {
        Fine("guests run on hardware virtualisation".to_owned())
    } else {
        Warning(
            "guests are emulated, which is slow: see that /dev/kvm works here, and virt_type is auto or kvm".to_owned(),
        )
    }
}

/// One line for each imported image.
async fn images(vmm: &Vmm, report: &mut Report) -> Result<(), Failed> {
    let Ok(oses) = vmm.oses(&Actor::System, &OsFilter::default()).await else { return Ok(()) };
    for os in oses.iter() {
        let Some(image) = &os.image else { continue };
        let finding = match &os.problem {
            Some(problem) => Problem(format!("{problem}: POST /db/os/import?id={}", os.id)),
            None => Fine(format!("volume {} is as it was imported, by its size, format and last change", image.volume)),
        };
        report.tell(&format!("image {}:{}", os.name, os.version), finding)?;
    }
    Ok(())
}

async fn catalog(vmm: &Vmm) -> Finding {
    match vmm.oses(&Actor::System, &OsFilter::default()).await {
        Ok(oses) => match oses.iter().filter(|os| os.image.is_some()).count() {
            0 => Warning("no image is imported; an admin adds one with POST /db/os".to_owned()),
            count => Fine(format!("{count} of {} entries can be made machines from", oses.len())),
        },
        Err(error) => Problem(format!("the database does not answer: {error}")),
    }
}
